// One run of a prepared statement, from its first step to its reset: the only way in which a captured connection runs SQL.
#pragma once

#include <cstdint>
#include <string>

#include "capture/capture.h"
#include "sqlite/internals.h"
#include "sqlite3.h"

namespace rowtap::capture {

// Tells the capture where a statement begins and ends, so that it can drop what a failed statement had changed and publish what has been
// committed. Both can happen in a step or in a reset: `INSERT ... RETURNING` left open commits in its reset.
//
// For a statement that changes the schema, while somebody listens or the file keeps a log, Step reads sqlite_schema before and after it
// inside the same transaction (one begun here if the connection is in autocommit), so that the stream can say what became of which table.
class Execution {
 public:
  // Whether the run is over before the application can run anything else on the connection, or may be left open.
  enum class Span { kOneCall, kOpen };

  // `borrowed_capture` is null for a connection that is not captured.
  Execution(Capture* borrowed_capture, sqlite3_stmt* borrowed_statement, Span span = Span::kOpen) noexcept
      : borrowed_capture_(borrowed_capture), borrowed_statement_(borrowed_statement), span_(span) {}
  ~Execution() { Reset(); }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  // sqlite3_step: SQLITE_ROW, SQLITE_DONE or an extended error code. After an error `message()` holds SQLite's words.
  int Step() noexcept {
    if (!has_begun_) Begin();
    if (!is_apart_) return StepFollowed();
    const int code = sqlite3_step(borrowed_statement_);
    is_on_row_ = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? code : Fail(code);
  }
  // sqlite3_reset. Returns SQLITE_OK, or an error that only ending the statement brought to light (then `message()` is set). Twice is fine.
  int Reset() noexcept {
    if (!has_begun_) return SQLITE_OK;
    if (!is_apart_) return ResetFollowed();
    has_begun_ = false;
    const int code = sqlite3_reset(borrowed_statement_);
    // What a step has reported, the reset reports again.
    return is_on_row_ && code != SQLITE_OK ? Fail(code) : SQLITE_OK;
  }

  const std::string& message() const noexcept { return message_; }

 private:
  void Begin() noexcept {
    has_begun_ = true;
    kind_ = borrowed_capture_ == nullptr ? ROWTAP_STATEMENT_READ : rowtap_statement_kind(borrowed_statement_);
    is_apart_ =
        kind_ == ROWTAP_STATEMENT_READ && span_ == Span::kOneCall && (borrowed_capture_ == nullptr || borrowed_capture_->ReadsApart());
    is_new_ = !is_apart_;
  }
  int StepFollowed() noexcept;
  int ResetFollowed() noexcept;
  int Kind() noexcept;
  int StepSchemaChange() noexcept;
  int RunStep() noexcept;
  // What a failure is to be called: the capture knows why it has refused a commit, and SQLite does not.
  int ReasonOf(int code) noexcept;
  void EndRun(bool is_failed) noexcept;
  int Fail(int code) noexcept;

  Capture* const borrowed_capture_;
  sqlite3_stmt* const borrowed_statement_;
  const Span span_;
  std::string message_;
  uint64_t run_ = 0;  // the capture's name for this run; 0: not begun, or ended
  int kind_ = 0;      // as rowtap_statement_kind has it
  bool has_begun_ = false;
  bool is_new_ = false;    // begun, and not stepped yet
  bool is_apart_ = false;  // a read that the capture has nothing to do with
  bool is_on_row_ = false;
  bool is_refused_ = false;  // the last failure: by the capture, not by SQLite
};

}  // namespace rowtap::capture
