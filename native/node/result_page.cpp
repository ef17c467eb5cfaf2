#include "node/result_page.h"

#include <bit>
#include <cstring>
#include <limits>

#include "node/errors.h"
#include "node/text.h"
#include "node/values.h"

namespace rowtap::node {

bool RowStaging::AddRow(napi_env env, sqlite3_stmt* statement, int columns, bool is_big_int) {
  for (int column = 0; column < columns; column++) {
    switch (sqlite3_column_type(statement, column)) {
      case SQLITE_INTEGER: {
        const int64_t value = sqlite3_column_int64(statement, column);
        if (is_big_int) {
          Add(ValueTag::kBigInt, static_cast<uint64_t>(value));
        } else if (value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max()) {
          // Both halves alike: whichever of them the machine's order makes the first one, JavaScript reads it right.
          const uint64_t half = static_cast<uint32_t>(static_cast<int32_t>(value));
          Add(ValueTag::kInt32, half << 32 | half);
        } else {
          Add(ValueTag::kDouble, std::bit_cast<uint64_t>(static_cast<double>(value)));
        }
        break;
      }
      case SQLITE_FLOAT:
        Add(ValueTag::kDouble, std::bit_cast<uint64_t>(sqlite3_column_double(statement, column)));
        break;
      case SQLITE_TEXT: {
        const char* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
        const size_t length = static_cast<size_t>(sqlite3_column_bytes(statement, column));
        if (text == nullptr) return false;
        if (length <= kLongestHeapText && IsAscii(text, length))
          AddToHeap(text, length);
        else if (!AddBoxed(env, ColumnText(env, statement, column)))
          return false;
        break;
      }
      case SQLITE_BLOB:
        if (!AddBlob(env, statement, column)) return false;
        break;
      default:
        Add(ValueTag::kNull, 0);
    }
  }
  rows_++;
  return true;
}

void RowStaging::AddToHeap(const char* text, size_t length) {
  const uint32_t place[2] = {static_cast<uint32_t>(heap_.size()), static_cast<uint32_t>(heap_.size() + length)};
  uint64_t slot;
  std::memcpy(&slot, place, sizeof slot);
  heap_.append(text, length);
  Add(ValueTag::kText, slot);
}

bool RowStaging::AddBlob(napi_env env, sqlite3_stmt* statement, int column) {
  const auto* blob = static_cast<const char*>(sqlite3_column_blob(statement, column));
  // An empty one has no pointer. Where zeros could not be written out, it is no blob any more.
  if (blob == nullptr && sqlite3_column_type(statement, column) != SQLITE_BLOB) return false;
  const size_t length = blob == nullptr ? 0 : static_cast<size_t>(sqlite3_column_bytes(statement, column));
  if (length > kLongestPageBlob || blobs_.size() + length > kPageBlobBytes) return AddBoxed(env, ColumnBlob(env, statement, column));
  const auto begin = static_cast<uint32_t>(kBlobsAt + blobs_.size());
  const uint32_t place[2] = {begin, begin + static_cast<uint32_t>(length)};
  uint64_t slot;
  std::memcpy(&slot, place, sizeof slot);
  if (length > 0) blobs_.append(blob, length);
  Add(ValueTag::kBlob, slot);
  return true;
}

namespace {

// An array with `one` at 1; element 0 is for the heap.
napi_value ArrayOf(napi_env env, napi_value one) {
  napi_value array;
  return napi_create_array(env, &array) == napi_ok && napi_set_element(env, array, 1, one) == napi_ok ? array : nullptr;
}

}  // namespace

bool RowStaging::AddBoxed(napi_env env, napi_value value) {
  if (value == nullptr) return false;
  const uint32_t index = ++boxed_count_;
  if (index == 1) {
    boxed_ = value;
  } else {
    if (index == 2) boxed_ = ArrayOf(env, boxed_);
    if (boxed_ == nullptr || napi_set_element(env, boxed_, index, value) != napi_ok) return ThrowUnlessPending(env, "Out of memory");
  }
  const uint32_t place[2] = {index, 0};
  uint64_t slot;
  std::memcpy(&slot, place, sizeof slot);
  Add(ValueTag::kBoxed, slot);
  return true;
}

bool RowStaging::IsFull(int columns) const {
  return slots_.size() + static_cast<size_t>(columns) > kPageValues || heap_.size() >= kPageHeapBytes ||
         blobs_.size() + kLongestPageBlob > kPageBlobBytes;
}

void RowStaging::Clear() {
  slots_.clear();
  tags_.clear();
  heap_.clear();
  blobs_.clear();
  boxed_ = nullptr;
  boxed_count_ = 0;
  rows_ = 0;
}

bool ResultPage::Open(napi_env env) {
  void* bytes = nullptr;
  napi_value buffer;
  if (napi_create_arraybuffer(env, kPageSize, &bytes, &buffer) != napi_ok) return false;
  if (napi_create_reference(env, buffer, 1, &buffer_) != napi_ok) return false;
  bytes_ = static_cast<uint8_t*>(bytes);
  return true;
}

void ResultPage::Close(napi_env env) {
  if (buffer_ != nullptr) napi_delete_reference(env, buffer_);
  buffer_ = nullptr;
  bytes_ = nullptr;
}

napi_value ResultPage::Buffer(napi_env env) const {
  napi_value buffer = nullptr;
  napi_get_reference_value(env, buffer_, &buffer);
  return buffer;
}

napi_value ResultPage::Deliver(napi_env env, const RowStaging& staging, int columns) {
  const size_t values = staging.slots_.size();
  header().rows = staging.rows_;
  header().columns = columns;
  if (values > 0) {
    std::memcpy(bytes_ + kHeaderSize, staging.slots_.data(), values * 8);
    std::memcpy(bytes_ + kHeaderSize + values * 8, staging.tags_.data(), values);
  }
  if (!staging.blobs_.empty()) std::memcpy(bytes_ + kBlobsAt, staging.blobs_.data(), staging.blobs_.size());
  if (staging.heap_.empty()) {
    header().boxing = staging.boxed_count_ == 0 ? Boxing::kNone : staging.boxed_count_ == 1 ? Boxing::kOne : Boxing::kMany;
    napi_value none = nullptr;
    if (staging.boxed_count_ == 0) napi_get_undefined(env, &none);
    return staging.boxed_count_ == 0 ? none : staging.boxed_;
  }
  napi_value heap = nullptr;
  if (napi_create_string_latin1(env, staging.heap_.data(), staging.heap_.size(), &heap) != napi_ok) {
    ThrowUnlessPending(env, "Out of memory");
    return nullptr;
  }
  header().boxing = staging.boxed_count_ == 0 ? Boxing::kNone : Boxing::kMany;
  if (staging.boxed_count_ == 0) return heap;
  napi_value boxed = staging.boxed_count_ == 1 ? ArrayOf(env, staging.boxed_) : staging.boxed_;
  if (boxed != nullptr && napi_set_element(env, boxed, 0, heap) == napi_ok) return boxed;
  ThrowUnlessPending(env, "Out of memory");
  return nullptr;
}

napi_value DescribeResultLayout(napi_env env) {
  struct Constant {
    const char* name;
    size_t value;
  };
  static constexpr Constant kConstants[] = {
      {"headerSize", kHeaderSize},
      {"rows", offsetof(ResultHeader, rows) / 4},
      {"columns", offsetof(ResultHeader, columns) / 4},
      {"isDone", offsetof(ResultHeader, is_done) / 4},
      {"boxing", offsetof(ResultHeader, boxing) / 4},
      {"generation", offsetof(ResultHeader, generation) / 4},
      {"columnCount", offsetof(ResultHeader, column_count) / 4},
      {"isReadonly", offsetof(ResultHeader, is_readonly) / 4},
      {"parameterCount", offsetof(ResultHeader, parameter_count) / 4},
      {"hasNamedParameters", offsetof(ResultHeader, has_named_parameters) / 4},
      {"statement", offsetof(ResultHeader, statement) / 4},
      {"changes", offsetof(ResultHeader, changes) / 8},
      {"lastInsertRowid", offsetof(ResultHeader, last_insert_rowid) / 8},
      {"lastInsertRowidExact", offsetof(ResultHeader, last_insert_rowid_exact) / 8},
      {"tagNull", static_cast<size_t>(ValueTag::kNull)},
      {"tagInt32", static_cast<size_t>(ValueTag::kInt32)},
      {"tagDouble", static_cast<size_t>(ValueTag::kDouble)},
      {"tagText", static_cast<size_t>(ValueTag::kText)},
      {"tagBoxed", static_cast<size_t>(ValueTag::kBoxed)},
      {"tagBigInt", static_cast<size_t>(ValueTag::kBigInt)},
      {"tagBlob", static_cast<size_t>(ValueTag::kBlob)},
      {"boxingNone", static_cast<size_t>(Boxing::kNone)},
      {"boxingMany", static_cast<size_t>(Boxing::kMany)},
      {"boxingOne", static_cast<size_t>(Boxing::kOne)},
  };
  napi_value layout;
  if (napi_create_object(env, &layout) != napi_ok) return nullptr;
  for (const Constant& constant : kConstants) {
    napi_value value;
    if (napi_create_uint32(env, static_cast<uint32_t>(constant.value), &value) != napi_ok) return nullptr;
    if (napi_set_named_property(env, layout, constant.name, value) != napi_ok) return nullptr;
  }
  return layout;
}

}  // namespace rowtap::node
