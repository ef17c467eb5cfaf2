// SQLite's record format (https://www.sqlite.org/fileformat2.html#record_format): writing records out of values, and walking their fields.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sqlite3.h"

namespace rowtap::capture {

// Builds one record after another in memory that is kept. May throw std::bad_alloc.
class RecordWriter {
 public:
  void Clear() noexcept;
  void AddNull();
  void AddInteger(int64_t value);
  void AddReal(double value);
  // UTF-8.
  void AddText(const void* text, size_t size);
  void AddBlob(const void* bytes, size_t size);
  // Text is converted to UTF-8. Throws std::bad_alloc where SQLite could not convert.
  void AddValue(sqlite3_value* value);
  // Valid until the next Clear.
  std::span<const uint8_t> Finish();

 private:
  void AddBody(const void* bytes, size_t size);

  std::vector<uint8_t> types_;
  std::vector<uint8_t> body_;
  std::vector<uint8_t> record_;
};

struct RecordField {
  enum class Kind : uint8_t { kNull, kInteger, kReal, kText, kBlob };
  Kind kind;
  int64_t integer;
  double real;
  std::span<const uint8_t> bytes;
};

// Walks the fields of a record. A record that contradicts itself ends early and is not `is_whole()`.
class RecordFields {
 public:
  explicit RecordFields(std::span<const uint8_t> record) noexcept;
  bool Next(RecordField& field) noexcept;
  bool is_whole() const noexcept { return is_whole_; }

 private:
  std::span<const uint8_t> record_;
  size_t type_at_ = 0;
  size_t header_end_ = 0;
  size_t body_at_ = 0;
  bool is_whole_ = true;
};

// Fields in the record, by its header alone.
int CountFields(std::span<const uint8_t> record) noexcept;
// Whether it has that many. Quick for the common record: it runs for every row that is written.
bool HasFields(std::span<const uint8_t> record, int count) noexcept;
// Whether every text in the record consists of ASCII characters.
bool IsTextAscii(std::span<const uint8_t> record) noexcept;

}  // namespace rowtap::capture
