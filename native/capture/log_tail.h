// The log's newest entry, which says how far everybody has come.
#pragma once

#include <cstdint>

#include "capture/log_entry.h"
#include "sqlite3.h"

namespace rowtap::capture {

// As a transaction finds it.
struct LogTail {
  int64_t rowid = 0;  // 0: the log is empty
  LogEntryHeader header;
  uint32_t size = 0;
  bool is_known = false;  // false: empty, or damaged

  int64_t lsn() const noexcept { return LsnOfRowid(rowid); }
  // Of the newest one that something is delivered of.
  int64_t delivered_lsn() const noexcept { return is_placeholder() ? header.previous_lsn : lsn(); }
  // Nothing in it is delivered: it only counts.
  bool is_placeholder() const noexcept { return is_known && header.frames == 0 && header.previous_lsn != lsn(); }
};

// Finds the log and the descriptions of its tables. `has_log` is false where one of the two is missing.
struct LogRoots {
  uint32_t log = 0;
  uint32_t schema = 0;
  bool has_log() const noexcept { return log != 0 && schema != 0; }
};

// Of a connection that has a transaction of main open. They return SQLite's code.
int FindLog(sqlite3* db, LogRoots& roots) noexcept;
int ReadLogTail(sqlite3* db, const LogRoots& roots, LogTail& tail) noexcept;

// What a read transaction sees of the file.
struct FileState {
  uint64_t counter = 0;  // as rowtap_commit_counter
  bool has_log = false;
  LogTail tail;
};
int ReadFileState(sqlite3* db, FileState& state) noexcept;

}  // namespace rowtap::capture
