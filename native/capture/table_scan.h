// Reads a table's rows as records in stored order, the way the table's changes are recorded.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "capture/hub.h"
#include "capture/record.h"
#include "sqlite/handles.h"

namespace rowtap::capture {

class TableScan {
 public:
  // Describes the table for `hub` and prepares the scan. Returns SQLite's code; SQLITE_NOTFOUND where there is no such table in main.
  int Open(sqlite3* db, Hub& hub, const std::string& table);
  // SQLITE_ROW, SQLITE_DONE or an error. Throws std::bad_alloc.
  int Next();
  void Close() noexcept { statement_.reset(); }

  uint32_t table_id() const noexcept { return table_id_; }
  // Of the row that Next went to.
  int64_t rowid() const noexcept { return rowid_; }
  std::span<const uint8_t> record() const noexcept { return record_; }

 private:
  sqlite::StatementHandle statement_;
  uint32_t table_id_ = 0;
  int columns_ = 0;
  int rowid_position_ = -1;
  int64_t rowid_ = 0;
  RecordWriter writer_;
  std::span<const uint8_t> record_;
};

// `name` as an SQL identifier.
std::string QuoteIdentifier(std::string_view name);

}  // namespace rowtap::capture
