// Reads the log from a position on, and feeds a reader with what stands there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/hub.h"
#include "capture/log_entry.h"
#include "capture/transaction_buffer.h"
#include "sqlite/handles.h"
#include "sqlite3.h"

namespace rowtap::capture {

class Reader;

// Through a connection of rowtap's own, which stands between transactions. Used in one thread. Each Fill is one short read transaction, so
// that the WAL can be reset between them; nothing is held but the position, and of a transaction larger than one Fill what has been read of
// it.
//
// While it lives, the log is not pruned beyond its position by this process.
class LogReplay {
 public:
  enum class Status : uint8_t {
    kMore,     // there may be more
    kEnd,      // all that stands up to the bound, or in the log, has been fed
    kBusy,     // it can't be read just now
    kNoLog,    // the table is gone
    kCorrupt,  // the entry at corrupt_lsn() is damaged
    kFailed,   // failure_code() and failure_message() tell
  };

  // Throws std::bad_alloc.
  LogReplay(sqlite3* borrowed_db, std::shared_ptr<Hub> hub, int64_t position);
  ~LogReplay();
  LogReplay(const LogReplay&) = delete;
  LogReplay& operator=(const LogReplay&) = delete;

  // LSN of the last transaction that has been fed, or passed over because nothing of it is delivered.
  int64_t position() const noexcept { return position_; }
  int64_t corrupt_lsn() const noexcept { return corrupt_lsn_; }
  // SQLite's extended code and words; what ends the read transaction has taken them from the connection.
  int failure_code() const noexcept { return failure_code_; }
  const std::string& failure_message() const noexcept { return failure_message_; }
  // Something stands in the log that is older than what was read there before: it has been replaced.
  bool has_history_changed() const noexcept { return has_history_changed_; }

  // Feeds whole transactions up to that LSN, at which the log ended once (beyond kMaxLsn: as far as it goes), and stops behind `max_bytes`,
  // be it within one. What is missing becomes a gap in its place. At kEnd the position is that LSN at least. Throws std::bad_alloc.
  Status Fill(Reader& reader, int64_t up_to_lsn, uint64_t max_bytes);

 private:
  struct Building {
    FrameUnpacker unpacker;
    uint32_t next_part = 0;
    std::unordered_map<uint32_t, uint32_t> ids;  // what the hub calls them, by what the entry calls them
  };

  Status Prepare();
  Status FillFromRows(Reader& reader, int64_t up_to_lsn, uint64_t max_bytes);
  Status TakeRow(Reader& reader, int64_t rowid);
  Status TakeTables(std::span<const uint8_t> tables);
  bool TakeFrames(std::span<const uint8_t> frames);
  Status Intern(int64_t row, uint32_t& id);
  void DropBuilding() noexcept;
  Status PassBound(Reader& reader, int64_t rowid, int64_t up_to_lsn);
  Status CheckEnd(Reader& reader, int64_t up_to_lsn);
  void FeedGap(Reader& reader, int64_t lsn, GapReason reason);
  void MoveTo(int64_t lsn);
  Status FailureOf(int code);
  Status Corrupt(int64_t lsn) noexcept;

  sqlite3* const borrowed_db_;
  const std::shared_ptr<Hub> hub_;
  sqlite::StatementHandle rows_;
  sqlite::StatementHandle description_;
  int64_t position_;
  int64_t last_rowid_;
  int64_t corrupt_lsn_ = 0;
  int failure_code_ = 0;
  std::string failure_message_;
  bool has_history_changed_ = false;
  int64_t told_lsn_ = 0;                            // up to which it is known that the log has less
  TransactionBuffer buffer_;                        // small transactions share its pages
  std::optional<Building> building_;                // what stands in the buffer
  std::unordered_map<int64_t, uint32_t> interned_;  // by row of _rowtap_schema
  std::vector<uint8_t> unpacked_;
  uint64_t fed_bytes_ = 0;
};

}  // namespace rowtap::capture
