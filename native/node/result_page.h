// How rows, and the other results of a call, get from SQLite to JavaScript: the native call writes them into one ArrayBuffer of its
// environment, and lib/writer/result-page.ts reads them from there before it makes another call. A test compares the constants of
// both sides through the addon's `resultLayout`.
//
// The page: a header of kHeaderSize bytes, then one slot of 8 bytes for each value of each row, then one tag byte for each value. Short
// ASCII texts lie one after the other in a single string that the call returns ("heap"), and their slot holds where; short blobs lie at the
// page's end. Everything else that is not a number is a JavaScript value in an array ("boxed"), or, where there is only one and no heap,
// what the call returns.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sqlite3.h"

namespace rowtap::node {

enum class ValueTag : uint8_t {
  kNull = 0,
  kInt32 = 1,   // slot: int32
  kDouble = 2,  // slot: double
  kText = 3,    // slot: uint32 begin and uint32 end in the heap
  kBoxed = 4,   // slot: uint32 index in the boxed values
  kBigInt = 5,  // slot: int64
  kBlob = 6,    // slot: uint32 begin and uint32 end in the page
};

// What a call returns.
enum class Boxing : int32_t {
  kNone = 0,  // the heap
  kMany = 1,  // an array of the boxed values, whose element 0 is the heap
  kOne = 2    // the only boxed value, whose index is 1; there is no heap
};

struct ResultHeader {
  int32_t rows;
  int32_t columns;
  int32_t is_done;
  Boxing boxing;
  // Counts up whenever SQLite has compiled the statement anew, after which column names may be others.
  int32_t generation;
  // Of a statement just prepared.
  int32_t column_count;
  int32_t is_readonly;
  int32_t parameter_count;
  int32_t has_named_parameters;
  uint32_t statement;  // its id
  // Of a statement just run.
  double changes;
  double last_insert_rowid;
  int64_t last_insert_rowid_exact;
};

inline constexpr uint32_t kHeaderSize = sizeof(ResultHeader);
static_assert(kHeaderSize == 64);

// A page holds so many values, and a little more than so much text, or one row: larger chunks of memory are slower to make in V8.
inline constexpr int kPageValues = 4096;
inline constexpr size_t kPageHeapBytes = 32 * 1024;
// A longer text is a string of its own, so that a short one that is kept does not keep it alive too.
inline constexpr size_t kLongestHeapText = 512;
// A buffer that Node-API makes costs more than one that JavaScript makes, and copies into, as long as there is little to copy.
inline constexpr size_t kLongestPageBlob = 1024;
inline constexpr size_t kPageBlobBytes = 32 * 1024;
// The most columns that a result can have (https://www.sqlite.org/limits.html) at 9 bytes each, so that any row fits.
inline constexpr size_t kBlobsAt = kHeaderSize + size_t{32768} * 9;
inline constexpr size_t kPageSize = kBlobsAt + kPageBlobBytes;

// Rows on their way to the page. They go there at the end of the call and not before: JavaScript that runs inside of a step (a
// user-defined function) may make calls that use the page.
class RowStaging {
 public:
  // Takes over the current row. False where a JavaScript exception is pending.
  bool AddRow(napi_env env, sqlite3_stmt* statement, int columns, bool is_big_int);
  bool IsFull(int columns) const;
  int rows() const { return rows_; }
  void Clear();

 private:
  friend class ResultPage;
  void AddToHeap(const char* text, size_t length);
  // False where a JavaScript exception is pending.
  bool AddBlob(napi_env env, sqlite3_stmt* statement, int column);
  // False where `value` is null, because making it threw, or where it can't be kept.
  bool AddBoxed(napi_env env, napi_value value);
  void Add(ValueTag tag, uint64_t slot) {
    slots_.push_back(slot);
    tags_.push_back(tag);
  }

  std::vector<uint64_t> slots_;
  std::vector<ValueTag> tags_;
  std::string heap_;
  std::string blobs_;
  // In the handle scope of the running call: null, or the one value, or with a second one the array.
  napi_value boxed_ = nullptr;
  uint32_t boxed_count_ = 0;
  int rows_ = 0;
};

class ResultPage {
 public:
  bool Open(napi_env env);
  void Close(napi_env env);
  napi_value Buffer(napi_env env) const;
  ResultHeader& header() { return *reinterpret_cast<ResultHeader*>(bytes_); }
  // Fills `rows`, `columns`, `boxing`, the slots, the tags and the blobs. The call's return value, or null where a JavaScript exception is
  // pending.
  napi_value Deliver(napi_env env, const RowStaging& staging, int columns);

 private:
  napi_ref buffer_ = nullptr;
  uint8_t* bytes_ = nullptr;  // owned by the ArrayBuffer, which JavaScript never hands on
};

napi_value DescribeResultLayout(napi_env env);

}  // namespace rowtap::node
