#include "capture/log_tail.h"

#include <algorithm>
#include <span>

#include "sqlite/internals.h"

namespace rowtap::capture {

int FindLog(sqlite3* db, LogRoots& roots) noexcept {
  roots = {};
  if (const int code = rowtap_find_root(db, kLogTable, &roots.log); code != SQLITE_OK || roots.log == 0) return code;
  return rowtap_find_root(db, kSchemaTable, &roots.schema);
}

int ReadLogTail(sqlite3* db, const LogRoots& roots, LogTail& tail) noexcept {
  uint8_t record[kMaxRecordHead + kLogHeaderSize];
  uint32_t size = 0;
  tail = {};
  const int code = rowtap_read_last_row(db, roots.log, &tail.rowid, record, sizeof record, &size);
  if (code == SQLITE_NOTFOUND) return SQLITE_OK;
  if (code != SQLITE_OK) return code;
  const std::span<const uint8_t> bytes(record, std::min<size_t>(size, sizeof record));
  int64_t time_ms;
  size_t entry_at;
  if (GetRecordHead(bytes, time_ms, entry_at)) {
    tail.size = size - static_cast<uint32_t>(entry_at);
    tail.is_known = ReadLogHeader(bytes.subspan(entry_at), tail.header);
  }
  return SQLITE_OK;
}

int ReadFileState(sqlite3* db, FileState& state) noexcept {
  state = {};
  LogRoots roots;
  if (const int code = FindLog(db, roots); code != SQLITE_OK) return code;
  state.has_log = roots.has_log();
  if (state.has_log) {
    if (const int code = ReadLogTail(db, roots, state.tail); code != SQLITE_OK) return code;
  }
  state.counter = rowtap_commit_counter(db);
  return SQLITE_OK;
}

}  // namespace rowtap::capture
