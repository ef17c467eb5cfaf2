// A database in a temporary folder with captured connections, and a reader of its stream: what a program sees, without Node.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "capture/capture.h"
#include "capture/execution.h"
#include "capture/frame.h"
#include "capture/hub.h"
#include "capture/log_replay.h"
#include "capture/reader.h"
#include "sqlite/handles.h"
#include "sqlite3.h"
#include "testing/check.h"

namespace rowtap::testing {

// Removed with all that lies in it when it goes.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rowtap-native-XXXXXX").string();
    Check(mkdtemp(pattern.data()) != nullptr, "a temporary folder can be made");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string File(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Used by one thread.
class CapturedConnection {
 public:
  explicit CapturedConnection(const std::string& path) {
    sqlite3* db = nullptr;
    const int code = sqlite3_open(path.c_str(), &db);
    db_.reset(db);
    Check(code == SQLITE_OK, "the database can be opened");
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 60000);
    capture_ = capture::Capture::Install(db);
    Check(capture_ != nullptr, "the hooks can be installed");
  }
  ~CapturedConnection() {
    capture_->Close();
    db_.reset();
  }
  CapturedConnection(const CapturedConnection&) = delete;
  CapturedConnection& operator=(const CapturedConnection&) = delete;

  // Runs one statement to its end. Returns SQLITE_OK or SQLite's extended code.
  int Run(const std::string& sql) {
    sqlite3_stmt* prepared = nullptr;
    const int code = sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &prepared, nullptr);
    const sqlite::StatementHandle statement(prepared);
    return code == SQLITE_OK ? RunPrepared(prepared) : code;
  }

  int RunPrepared(sqlite3_stmt* borrowed_statement) {
    capture::Execution execution(capture_.get(), borrowed_statement);
    int step = SQLITE_ROW;
    while (step == SQLITE_ROW) step = execution.Step();
    const int reset = execution.Reset();
    return step == SQLITE_DONE ? reset : step;
  }

  void MustRun(const std::string& sql) { Check(Run(sql) == SQLITE_OK, sql); }

  capture::Capture* borrowed_capture() { return capture_.get(); }
  capture::Hub& hub() { return capture_->hub(); }
  std::shared_ptr<capture::Hub> SharedHub() { return capture_->SharedHub(); }
  sqlite3* db() { return db_.get(); }

 private:
  // The capture goes last: closing the handle may still call its hooks.
  std::unique_ptr<capture::Capture> capture_;
  sqlite::ConnectionHandle db_;
};

// The tables by which a file keeps a log, as lib/log/log-tables.ts makes them.
inline void MakeLog(CapturedConnection& db) {
  db.MustRun("CREATE TABLE _rowtap_meta (name TEXT NOT NULL PRIMARY KEY, value NOT NULL) WITHOUT ROWID");
  db.MustRun("CREATE TABLE _rowtap_schema (id INTEGER PRIMARY KEY, description BLOB NOT NULL)");
  db.MustRun("CREATE TABLE _rowtap_log (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, entry BLOB NOT NULL)");
}

struct SeenTransaction {
  bool operator==(const SeenTransaction& other) const {
    const auto is_same = [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; };
    return lsn == other.lsn && before == other.before && after == other.after && std::ranges::equal(frames, other.frames, is_same);
  }

  int64_t lsn;
  std::vector<capture::FrameHeader> frames;
  std::vector<std::string> before;  // the records of these frames
  std::vector<std::string> after;
};

// Never woken: the tests ask.
class DeafWaker final : public capture::Waker {
 public:
  void Notify(capture::News) noexcept override {}
  uint64_t turn() const noexcept override { return 0; }
};

// All that the reader has. A transaction is never cut: its batch frame says how many frames follow.
inline std::vector<SeenTransaction> TakeFrom(capture::Reader& reader) {
  std::vector<SeenTransaction> seen;
  std::vector<uint8_t> buffer(64 * 1024);
  while (true) {
    const int64_t size = reader.Read(buffer.data(), buffer.size());
    Check(size != capture::kReadFailed, "what was published can be read");
    if (size == 0) return seen;
    if (size < 0) {
      buffer.resize(static_cast<size_t>(-size));
      continue;
    }
    for (int64_t at = 0; at < size;) {
      capture::FrameHeader header;
      std::memcpy(&header, buffer.data() + at, sizeof(header));
      if (header.op == static_cast<uint8_t>(capture::FrameOp::kBatch)) {
        seen.push_back({header.rowid_before, {}, {}, {}});
      } else {
        // In one piece: from byte to byte, a sanitizer would look at each.
        const auto* const records = reinterpret_cast<const char*>(buffer.data() + at + capture::kHeaderSize);
        seen.back().frames.push_back(header);
        seen.back().before.emplace_back(records, header.before_size);
        seen.back().after.emplace_back(records + header.before_size, header.after_size);
      }
      at += header.frame_size;
    }
  }
}

class StreamReader {
 public:
  explicit StreamReader(capture::Hub& hub) : borrowed_hub_(hub) {
    reader_ = std::make_shared<capture::Reader>(std::make_shared<DeafWaker>(), uint64_t{1} << 40, capture::Reader::Kind::kLive);
    const auto result = hub.Open(reader_, [] { return true; });
    Check(result == capture::Hub::OpenResult::kOpened, "a reader can be opened");
  }
  ~StreamReader() { borrowed_hub_.Close(*reader_); }
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  capture::ReaderState state() { return reader_->state(); }

  // All that has been published since the last call.
  std::vector<SeenTransaction> Take() { return TakeFrom(*reader_); }

 private:
  capture::Hub& borrowed_hub_;
  std::shared_ptr<capture::Reader> reader_;
};

// Reads the log by a connection of its own.
class LogStream {
 public:
  LogStream(CapturedConnection& db, const std::string& path, int64_t position) {
    sqlite3* opened = nullptr;
    Check(sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK, "the log's connection can be opened");
    db_.reset(opened);
    sqlite3_extended_result_codes(opened, 1);
    replay_ = std::make_unique<capture::LogReplay>(opened, db.SharedHub(), position);
    reader_ = std::make_shared<capture::Reader>(std::make_shared<DeafWaker>(), UINT64_MAX, capture::Reader::Kind::kWithLog);
  }

  // One read transaction. Throws std::bad_alloc.
  capture::LogReplay::Status Fill(uint64_t max_bytes) { return status_ = replay_->Fill(*reader_, INT64_MAX, max_bytes); }
  // What that has fed.
  std::vector<SeenTransaction> TakeFed() { return TakeFrom(*reader_); }
  // What stands there beyond the position, read by so many bytes at a time. Throws std::bad_alloc.
  std::vector<SeenTransaction> Take(uint64_t max_bytes) {
    std::vector<SeenTransaction> seen;
    while (true) {
      Fill(max_bytes);
      for (SeenTransaction& transaction : TakeFed()) seen.push_back(std::move(transaction));
      if (status_ != capture::LogReplay::Status::kMore) return seen;
    }
  }
  capture::LogReplay::Status status() const { return status_; }

 private:
  sqlite::ConnectionHandle db_;
  std::unique_ptr<capture::LogReplay> replay_;
  std::shared_ptr<capture::Reader> reader_;
  capture::LogReplay::Status status_ = capture::LogReplay::Status::kMore;
};

}  // namespace rowtap::testing
