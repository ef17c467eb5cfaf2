// Writes a connection's transactions into the log, each as a part of itself.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/compression.h"
#include "capture/log_entry.h"
#include "capture/log_tail.h"
#include "capture/transaction_buffer.h"
#include "sqlite3.h"

namespace rowtap::capture {

class Hub;

// Owned by a Capture, used in its commit hook. All that it writes is part of the transaction that is being committed, so the log and the
// tables can't disagree: a rollback, of whatever kind, takes both.
//
// SQLite's code is returned by each. Where memory runs out it is SQLITE_NOMEM.
class LogWriter {
 public:
  explicit LogWriter(sqlite3* borrowed_db) noexcept : borrowed_db_(borrowed_db) {}

  // Looks for the log; `has_log` is whether the database has one.
  int Open(bool& has_log) noexcept;
  // What an earlier attempt to commit this transaction has written is taken back first.
  int ReadTail(LogTail& tail) noexcept;

  struct Entry {
    int64_t lsn;
    int64_t time_ms;
    uint64_t commits;
    uint64_t counter;
  };
  // A transaction; without frames, a commit of which nothing is delivered.
  int WriteTransaction(const Entry& entry, TransactionBuffer& buffer, Hub& hub) noexcept;
  int WriteGap(const Entry& entry, GapReason reason) noexcept;

  // The transaction has ended. Where it is not known to be committed, nothing that it has written counts as being there.
  void NoteEnd(bool is_committed) noexcept {
    first_rowid_ = 0;
    if (!is_committed) last_rowid_ = 0;
  }

 private:
  int Begin(const Entry& entry, uint32_t frames);
  void StartPart();
  int PackFrames(const Entry& entry, TransactionBuffer& buffer, Hub& hub);
  int PutPart(const Entry& entry, bool is_last);
  int EnsureDescribed(uint32_t table_id, Hub& hub);
  int Describe(const std::string& description, int64_t& row);

  // A row of _rowtap_schema. An era ends where something of ours may have been rolled back, or somebody else has written: until then it is
  // there.
  struct KnownRow {
    int64_t row;
    uint64_t era;  // in which it was last found or put there
  };

  sqlite3* const borrowed_db_;
  LogRoots roots_;
  LogTail tail_;
  int64_t first_rowid_ = 0;  // of what this transaction has written; 0: nothing
  int64_t last_rowid_ = 0;   // that was written, by whatever transaction; 0: nothing, or it may have been rolled back
  uint64_t era_ = 0;
  LogEntryHeader header_;
  uint32_t part_ = 0;
  std::vector<uint8_t> bytes_;     // room for the record's head, then the entry
  std::vector<uint32_t> tables_;   // that the transaction's frames have named
  std::vector<uint8_t> met_here_;  // those of them that are new in this part, as they will stand behind its frames
  Compressor compressor_;
  std::vector<uint8_t> scratch_;
  std::unordered_map<uint32_t, KnownRow> rows_;  // by the number that the hub has given to a table
};

}  // namespace rowtap::capture
