#include "capture/record.h"

#include <bit>
#include <cstring>
#include <new>

namespace rowtap::capture {

namespace {

// Varints are big-endian, seven bits a byte; the ninth byte, where there is one, holds eight.
void AppendVarint(std::vector<uint8_t>& out, uint64_t value) {
  uint8_t bytes[9];
  int size = 0;
  if (value >> 56 != 0) {
    bytes[8] = static_cast<uint8_t>(value);
    value >>= 8;
    for (int i = 7; i >= 0; i--) {
      bytes[i] = static_cast<uint8_t>(value & 0x7f) | 0x80;
      value >>= 7;
    }
    size = 9;
  } else {
    uint8_t reversed[8];
    do {
      reversed[size++] = static_cast<uint8_t>(value & 0x7f) | 0x80;
      value >>= 7;
    } while (value != 0);
    reversed[0] &= 0x7f;
    for (int i = 0; i < size; i++) bytes[i] = reversed[size - 1 - i];
  }
  out.insert(out.end(), bytes, bytes + size);
}

size_t VarintSize(uint64_t value) noexcept {
  size_t size = 1;
  while ((value >>= 7) != 0) size++;
  return size;
}

// Returns the bytes read, 0 where the varint runs past the end.
size_t ReadVarint(std::span<const uint8_t> from, uint64_t& value) noexcept {
  value = 0;
  for (size_t i = 0; i < from.size() && i < 9; i++) {
    if (i == 8) {
      value = value << 8 | from[i];
      return 9;
    }
    value = value << 7 | (from[i] & 0x7f);
    if (from[i] < 0x80) return i + 1;
  }
  return 0;
}

size_t BodySize(uint64_t type) noexcept {
  static constexpr uint8_t kSizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type < 12 ? kSizes[type] : static_cast<size_t>((type - 12) / 2);
}

int64_t ReadInteger(const uint8_t* from, size_t size) noexcept {
  uint64_t value = size != 0 && (from[0] & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (size_t i = 0; i < size; i++) value = value << 8 | from[i];
  return static_cast<int64_t>(value);
}

bool IsAscii(const uint8_t* at, size_t size) noexcept {
  uint64_t seen = 0;
  for (; size >= 8; at += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    seen |= word;
  }
  for (; size > 0; at++, size--) seen |= *at;
  return (seen & 0x8080808080808080u) == 0;
}

}  // namespace

void RecordWriter::Clear() noexcept {
  types_.clear();
  body_.clear();
}

void RecordWriter::AddBody(const void* bytes, size_t size) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  body_.insert(body_.end(), from, from + size);
}

void RecordWriter::AddNull() {
  types_.push_back(0);
}

void RecordWriter::AddInteger(int64_t value) {
  if (value == 0 || value == 1) {
    types_.push_back(static_cast<uint8_t>(8 + value));
    return;
  }
  static constexpr struct { uint8_t type, size; } kWidths[] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 6}};
  uint8_t type = 6;
  uint8_t size = 8;
  for (const auto& width : kWidths) {
    const int64_t limit = int64_t{1} << (width.size * 8 - 1);
    if (value >= -limit && value < limit) {
      type = width.type;
      size = width.size;
      break;
    }
  }
  types_.push_back(type);
  for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) body_.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> shift));
}

void RecordWriter::AddReal(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  types_.push_back(7);
  for (int shift = 56; shift >= 0; shift -= 8) body_.push_back(static_cast<uint8_t>(bits >> shift));
}

void RecordWriter::AddText(const void* text, size_t size) {
  AppendVarint(types_, 13 + 2 * static_cast<uint64_t>(size));
  AddBody(text, size);
}

void RecordWriter::AddBlob(const void* bytes, size_t size) {
  AppendVarint(types_, 12 + 2 * static_cast<uint64_t>(size));
  AddBody(bytes, size);
}

void RecordWriter::AddValue(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      AddInteger(sqlite3_value_int64(value));
      break;
    case SQLITE_FLOAT:
      AddReal(sqlite3_value_double(value));
      break;
    case SQLITE_TEXT: {
      const void* text = sqlite3_value_text(value);
      if (text == nullptr) throw std::bad_alloc();
      AddText(text, static_cast<size_t>(sqlite3_value_bytes(value)));
      break;
    }
    case SQLITE_BLOB: {
      const void* bytes = sqlite3_value_blob(value);
      const auto size = static_cast<size_t>(sqlite3_value_bytes(value));
      if (bytes == nullptr && size != 0) throw std::bad_alloc();
      AddBlob(bytes, size);
      break;
    }
    default:
      AddNull();
  }
}

std::span<const uint8_t> RecordWriter::Finish() {
  // The header counts its own size: one more byte of size can make the size itself a byte longer.
  size_t header_size = types_.size() + VarintSize(types_.size() + 1);
  if (VarintSize(header_size) != header_size - types_.size()) header_size = types_.size() + VarintSize(header_size);
  record_.clear();
  record_.reserve(header_size + body_.size());
  AppendVarint(record_, header_size);
  record_.insert(record_.end(), types_.begin(), types_.end());
  record_.insert(record_.end(), body_.begin(), body_.end());
  return record_;
}

RecordFields::RecordFields(std::span<const uint8_t> record) noexcept : record_(record) {
  uint64_t header_size = 0;
  type_at_ = ReadVarint(record, header_size);
  if (type_at_ == 0 || header_size < type_at_ || header_size > record.size()) {
    is_whole_ = false;
    type_at_ = header_end_ = 0;
    return;
  }
  header_end_ = body_at_ = static_cast<size_t>(header_size);
}

bool RecordFields::Next(RecordField& field) noexcept {
  if (type_at_ >= header_end_) return false;
  uint64_t type = 0;
  const size_t type_size = ReadVarint(record_.subspan(type_at_, header_end_ - type_at_), type);
  const size_t size = BodySize(type);
  if (type_size == 0 || size > record_.size() - body_at_) {
    is_whole_ = false;
    type_at_ = header_end_;
    return false;
  }
  type_at_ += type_size;
  const uint8_t* body = record_.data() + body_at_;
  body_at_ += size;
  if (type >= 12) {
    field.kind = (type & 1) != 0 ? RecordField::Kind::kText : RecordField::Kind::kBlob;
    field.bytes = {body, size};
  } else if (type == 7) {
    field.kind = RecordField::Kind::kReal;
    const int64_t bits = ReadInteger(body, 8);
    std::memcpy(&field.real, &bits, sizeof bits);
  } else if (type == 0 || type > 9) {
    field.kind = RecordField::Kind::kNull;
  } else {
    field.kind = RecordField::Kind::kInteger;
    field.integer = type >= 8 ? static_cast<int64_t>(type) - 8 : ReadInteger(body, size);
  }
  return true;
}

int CountFields(std::span<const uint8_t> record) noexcept {
  uint64_t header_size = 0;
  size_t at = ReadVarint(record, header_size);
  if (at == 0 || header_size > record.size()) return 0;
  int count = 0;
  while (at < header_size) {
    // A type is one byte long unless it is a text or blob of more than 57 bytes.
    while (at < header_size && record[at] >= 0x80) at++;
    at++;
    count++;
  }
  return count;
}

bool HasFields(std::span<const uint8_t> record, int count) noexcept {
  // Each type's varint ends in its only byte below 0x80; up to eight bytes of types are looked at together.
  const size_t types_size = record.empty() ? 0 : record[0] - size_t{1};
  if (types_size > 8 || record.size() < 9) return CountFields(record) >= count;
  uint64_t types;
  std::memcpy(&types, record.data() + 1, 8);
  const uint64_t within = types_size == 8 ? ~uint64_t{0} : (uint64_t{1} << (types_size * 8)) - 1;
  return std::popcount(~types & 0x8080808080808080u & within) >= count;
}

bool IsTextAscii(std::span<const uint8_t> record) noexcept {
  uint64_t header_size = 0;
  size_t at = ReadVarint(record, header_size);
  if (at == 0 || header_size > record.size()) return true;
  size_t body = static_cast<size_t>(header_size);
  while (at < header_size) {
    uint64_t type = record[at];
    if (type < 0x80) {
      at++;
    } else {
      const size_t size = ReadVarint(record.subspan(at, header_size - at), type);
      if (size == 0) return false;
      at += size;
    }
    const size_t size = BodySize(type);
    if (size > record.size() - body) return false;
    if (type >= 13 && (type & 1) != 0 && !IsAscii(record.data() + body, size)) return false;
    body += size;
  }
  return true;
}

}  // namespace rowtap::capture
