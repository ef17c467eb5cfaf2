#include "capture/log_replay.h"

#include <chrono>
#include <cstring>
#include <new>

#include "capture/compression.h"
#include "capture/log_tail.h"
#include "capture/reader.h"
#include "sqlite/internals.h"

namespace rowtap::capture {

namespace {

// As long as other own connections wait for the application's transactions to end.
constexpr std::chrono::milliseconds kPatience(2);

int64_t NowMs() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::span<const uint8_t> BlobOf(sqlite3_stmt* statement, int column) noexcept {
  const auto* bytes = static_cast<const uint8_t*>(sqlite3_column_blob(statement, column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement, column))};
}

int PrepareOne(sqlite3* db, const char* sql, sqlite::StatementHandle& statement) noexcept {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  statement.reset(prepared);
  return code;
}

}  // namespace

LogReplay::LogReplay(sqlite3* borrowed_db, std::shared_ptr<Hub> hub, int64_t position)
    : borrowed_db_(borrowed_db),
      hub_(std::move(hub)),
      position_(position),
      last_rowid_(LogRowid(position + 1, 0) - 1),
      buffer_(hub_->store()) {
  hub_->HoldLog(this, position_);
}

LogReplay::~LogReplay() {
  hub_->ReleaseLog(this);
}

LogReplay::Status LogReplay::FailureOf(int code) {
  // Somebody was killed amid a commit. Whoever writes next rolls it back, which a connection that only reads does not.
  if (sqlite3_extended_errcode(borrowed_db_) == SQLITE_READONLY_ROLLBACK) return Status::kBusy;
  switch (code & 0xff) {
    case SQLITE_NOMEM:
      throw std::bad_alloc();
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Status::kBusy;
    default:
      failure_code_ = code;
      failure_message_ = sqlite3_errstr(code);
      return Status::kFailed;
  }
}

LogReplay::Status LogReplay::Corrupt(int64_t lsn) noexcept {
  corrupt_lsn_ = lsn;
  return Status::kCorrupt;
}

LogReplay::Status LogReplay::Prepare() {
  if (rows_ != nullptr) return Status::kMore;
  int code = PrepareOne(borrowed_db_, "SELECT id, time, entry FROM main._rowtap_log WHERE id > ?1 ORDER BY id", rows_);
  if (code == SQLITE_OK) code = PrepareOne(borrowed_db_, "SELECT description FROM main._rowtap_schema WHERE id = ?1", description_);
  if (code == SQLITE_OK) return Status::kMore;
  rows_.reset();
  // SQLite's word for a table that is not there, and for nothing else that could be meant here.
  return code == SQLITE_ERROR ? Status::kNoLog : FailureOf(code);
}

LogReplay::Status LogReplay::Fill(Reader& reader, int64_t up_to_lsn, uint64_t max_bytes) {
  if (position_ >= up_to_lsn) return Status::kEnd;
  // With a rollback journal a read keeps others from committing, so none of ours may be under way. What it is, is known once it has been
  // read.
  const bool needs_gate = rowtap_commit_counter(borrowed_db_) >> 32 != 2;
  if (needs_gate && !hub_->gate().TryHold(kPatience)) return Status::kBusy;
  const std::unique_ptr<TransactionGate, void (*)(TransactionGate*)> hold(needs_gate ? &hub_->gate() : nullptr,
                                                                          [](TransactionGate* gate) { gate->Release(); });
  if (const Status status = Prepare(); status != Status::kMore) return status;
  // One transaction, in which the end of the log is looked at too.
  if (const int code = sqlite3_exec(borrowed_db_, "BEGIN", nullptr, nullptr, nullptr); code != SQLITE_OK) return FailureOf(code);
  const std::unique_ptr<LogReplay, void (*)(LogReplay*)> transaction(this, [](LogReplay* replay) {
    sqlite3_reset(replay->rows_.get());
    sqlite3_exec(replay->borrowed_db_, "COMMIT", nullptr, nullptr, nullptr);
  });
  fed_bytes_ = 0;
  sqlite3_bind_int64(rows_.get(), 1, last_rowid_);
  Status status;
  try {
    status = FillFromRows(reader, up_to_lsn, max_bytes);
  } catch (const std::bad_alloc&) {
    // The next attempt begins with the transaction's first part.
    last_rowid_ = LogRowid(position_ + 1, 0) - 1;
    DropBuilding();
    throw;
  }
  // What stands before a damaged entry is delivered first.
  if (status == Status::kCorrupt && fed_bytes_ > 0) status = Status::kMore;
  return status;
}

LogReplay::Status LogReplay::FillFromRows(Reader& reader, int64_t up_to_lsn, uint64_t max_bytes) {
  while (fed_bytes_ < max_bytes) {
    const int code = sqlite3_step(rows_.get());
    if (code == SQLITE_DONE) return CheckEnd(reader, up_to_lsn);
    if (code == SQLITE_ERROR) {
      rows_.reset();
      return Status::kNoLog;
    }
    if (code != SQLITE_ROW) return FailureOf(code);
    const int64_t rowid = sqlite3_column_int64(rows_.get(), 0);
    if (LsnOfRowid(rowid) > up_to_lsn) return PassBound(reader, rowid, up_to_lsn);
    if (const Status status = TakeRow(reader, rowid); status != Status::kMore) return status;
  }
  return Status::kMore;
}

// What stands next stands behind the bound. That is where the log ended at some moment: what stood there was fed, or has been replaced
// since, as an entry is of which nothing is delivered, or was taken away.
LogReplay::Status LogReplay::PassBound(Reader& reader, int64_t rowid, int64_t up_to_lsn) {
  const int64_t lsn = LsnOfRowid(rowid);
  LogEntryHeader header;
  if (!CheckLogEntry(BlobOf(rows_.get(), 2), rowid, sqlite3_column_int64(rows_.get(), 1), header)) return Corrupt(lsn);
  const bool begins_here = header.previous_lsn == lsn;
  if (building_.has_value() || begins_here || PartOfRowid(rowid) != 0 || header.previous_lsn > position_) {
    if (begins_here) has_history_changed_ = true;
    FeedGap(reader, up_to_lsn, begins_here ? GapReason::kHistoryChanged : GapReason::kLogPruned);
  } else {
    MoveTo(up_to_lsn);
  }
  return Status::kEnd;
}

LogReplay::Status LogReplay::TakeRow(Reader& reader, int64_t rowid) {
  const int64_t lsn = LsnOfRowid(rowid);
  const uint32_t part = PartOfRowid(rowid);
  const int64_t time_ms = sqlite3_column_int64(rows_.get(), 1);
  const std::span<const uint8_t> entry = BlobOf(rows_.get(), 2);
  LogEntryHeader header;
  if (!CheckLogEntry(entry, rowid, time_ms, header)) return Corrupt(lsn);

  if (part == 0) {
    DropBuilding();
    if (header.previous_lsn > position_ && lsn - 1 > position_) {
      const bool begins_here = header.previous_lsn == lsn;
      if (begins_here) has_history_changed_ = true;
      FeedGap(reader, begins_here ? lsn - 1 : header.previous_lsn, begins_here ? GapReason::kHistoryChanged : GapReason::kLogPruned);
    }
    building_.emplace();
  } else if (!building_.has_value() || building_->next_part != part) {
    // What stood before it has been taken away.
    DropBuilding();
    if (lsn > position_) FeedGap(reader, lsn, GapReason::kLogPruned);
    last_rowid_ = rowid;
    return Status::kMore;
  }

  const std::span<const uint8_t> body = entry.subspan(kLogHeaderSize);
  const size_t tables_size = size_t{header.tables} * kLogTableSize;
  if (const Status status = TakeTables(body.last(tables_size)); status != Status::kMore) {
    return status == Status::kCorrupt ? Corrupt(lsn) : status;
  }
  std::span<const uint8_t> frames = body.first(body.size() - tables_size);
  if (header.packed_size != 0) {
    if (!Decompress(frames, header.packed_size, unpacked_)) return Corrupt(lsn);
    frames = unpacked_;
  }
  if (!TakeFrames(frames)) return Corrupt(lsn);
  building_->next_part = part + 1;
  last_rowid_ = rowid;
  if ((header.flags & kLastPart) == 0) return Status::kMore;

  if (buffer_.mark().frames != header.frames) return Corrupt(lsn);
  if (header.frames > 0) {
    const std::shared_ptr<Batch> batch = buffer_.Detach();
    batch->lsn = lsn;
    batch->time_ms = time_ms;
    reader.Feed(batch);
  }
  MoveTo(lsn);
  return Status::kMore;
}

LogReplay::Status LogReplay::TakeTables(std::span<const uint8_t> tables) {
  for (; !tables.empty(); tables = tables.subspan(kLogTableSize)) {
    const LogTable table = GetLogTable(tables.data());
    uint32_t id = 0;
    if (const Status status = Intern(table.description, id); status != Status::kMore) return status;
    building_->ids[table.id] = id;
  }
  return Status::kMore;
}

LogReplay::Status LogReplay::Intern(int64_t row, uint32_t& id) {
  if (const auto known = interned_.find(row); known != interned_.end()) {
    id = known->second;
    return Status::kMore;
  }
  sqlite3_bind_int64(description_.get(), 1, row);
  const int code = sqlite3_step(description_.get());
  if (code == SQLITE_ROW) {
    const std::span<const uint8_t> description = BlobOf(description_.get(), 0);
    // Its name is its hash, or one of the next few where two had the same.
    const int64_t distance = row - HashDescription(description);
    if (distance >= 0 && distance < 16) {
      id = hub_->Intern({reinterpret_cast<const char*>(description.data()), description.size()});
      interned_[row] = id;
    }
  }
  sqlite3_reset(description_.get());
  if (id != 0) return Status::kMore;
  return code == SQLITE_ROW || code == SQLITE_DONE ? Status::kCorrupt : FailureOf(code);
}

bool LogReplay::TakeFrames(std::span<const uint8_t> frames) {
  uint32_t packed_id = 0;
  uint32_t id = 0;
  while (!frames.empty()) {
    FrameUnpacker::Frame frame;
    if (!building_->unpacker.Unpack(frames, frame)) return false;
    if (frame.header.table_id != 0) {
      if (frame.header.table_id != packed_id) {
        const auto known = building_->ids.find(frame.header.table_id);
        if (known == building_->ids.end()) return false;
        packed_id = frame.header.table_id;
        id = known->second;
      }
      frame.header.table_id = id;
    }
    uint8_t* const to = buffer_.BeginFrame(frame.header.frame_size);
    if (to == nullptr) throw std::bad_alloc();
    frame.Write(to);
    if (!buffer_.EndFrame()) throw std::bad_alloc();
    fed_bytes_ += frame.header.frame_size;
  }
  return true;
}

void LogReplay::FeedGap(Reader& reader, int64_t lsn, GapReason reason) {
  FrameHeader gap{};
  gap.frame_size = kHeaderSize;
  gap.op = static_cast<uint8_t>(FrameOp::kGap);
  gap.reason = static_cast<uint16_t>(reason);
  uint8_t* const to = buffer_.BeginFrame(kHeaderSize);
  if (to == nullptr) throw std::bad_alloc();
  std::memcpy(to, &gap, kHeaderSize);
  if (!buffer_.EndFrame()) throw std::bad_alloc();
  const std::shared_ptr<Batch> batch = buffer_.Detach();
  batch->lsn = lsn;
  batch->time_ms = NowMs();
  reader.Feed(batch);
  fed_bytes_ += kHeaderSize;
  MoveTo(lsn);
}

// Nothing stands behind the position. Where nothing stands at it either, nor where the log ended before, because it is shorter than that,
// it is not the log that was read before: the file, or the log in it, has been replaced by an older one.
LogReplay::Status LogReplay::CheckEnd(Reader& reader, int64_t up_to_lsn) {
  LogRoots roots;
  LogTail tail;
  int code = FindLog(borrowed_db_, roots);
  if (code == SQLITE_OK && !roots.has_log()) return Status::kNoLog;
  if (code == SQLITE_OK) code = ReadLogTail(borrowed_db_, roots, tail);
  if (code != SQLITE_OK) return FailureOf(code);
  const int64_t begun_lsn = building_.has_value() ? LsnOfRowid(last_rowid_) : position_;
  // The parts of a transaction come and go together.
  if (building_.has_value() && tail.lsn() == begun_lsn) return Corrupt(begun_lsn);
  const bool is_bounded = up_to_lsn <= kMaxLsn;
  const int64_t expected_lsn = is_bounded ? up_to_lsn : begun_lsn;
  if (tail.lsn() >= expected_lsn || position_ <= told_lsn_) return Status::kEnd;
  // What comes from now on is to be found behind what was read.
  const int64_t gap_lsn = is_bounded ? up_to_lsn : position_ + 1;
  hub_->RaiseLsn(gap_lsn);
  has_history_changed_ = true;
  FeedGap(reader, gap_lsn, GapReason::kHistoryChanged);
  told_lsn_ = position_;
  return Status::kMore;
}

void LogReplay::DropBuilding() noexcept {
  building_.reset();
  buffer_.Clear();
}

void LogReplay::MoveTo(int64_t lsn) {
  position_ = lsn;
  last_rowid_ = LogRowid(lsn + 1, 0) - 1;
  DropBuilding();
  hub_->HoldLog(this, position_);
}

}  // namespace rowtap::capture
