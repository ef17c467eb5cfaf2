// What a statement did to the tables of main, put into the stream.
#pragma once

#include <map>
#include <string>

#include "capture/capture.h"
#include "sqlite3.h"

namespace rowtap::capture {

// Reads the tables before and after a statement that changes the schema, both inside the transaction that it changes it in, so that no
// other connection's change can come between.
class SchemaChange {
 public:
  SchemaChange(sqlite3* borrowed_db, Capture& borrowed_capture) noexcept : borrowed_db_(borrowed_db), borrowed_capture_(borrowed_capture) {}

  // What cannot be read is lost to the stream, and the capture is told so; the statement goes on, unless its transaction has been rolled
  // back: SQLite does that where a reading statement runs out of memory or meets an I/O error. Returns the code of that, or SQLITE_OK.
  int Before() noexcept;
  // Appends an event for each table that was dropped, created or altered. A table that came with rows (CREATE TABLE AS, or renamed) had no
  // hook called for them: they follow as inserts. Returns as Before does.
  int After() noexcept;

 private:
  using Tables = std::map<std::string, std::string>;  // name, CREATE statement
  int Lose() noexcept;
  Tables ReadTables();
  void AppendCreated(const std::string& table, const std::string& sql);

  sqlite3* const borrowed_db_;
  Capture& borrowed_capture_;
  Tables before_;
  bool has_before_ = false;
};

}  // namespace rowtap::capture
