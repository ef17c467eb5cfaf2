#include "capture/execution.h"

#include "capture/schema_change.h"
#include "sqlite/handles.h"

namespace rowtap::capture {

int Execution::Fail(int code) noexcept {
  try {
    message_ = is_refused_ ? sqlite3_errstr(code) : sqlite3_errmsg(sqlite3_db_handle(borrowed_statement_));
  } catch (...) {
    // Without words; the code tells.
  }
  return code;
}

int Execution::RunStep() noexcept {
  if (borrowed_capture_ == nullptr) return sqlite3_step(borrowed_statement_);
  const Capture::Running outer = borrowed_capture_->SetRunning({borrowed_statement_, kind_});
  const int code = sqlite3_step(borrowed_statement_);
  borrowed_capture_->SetRunning(outer);
  return code == SQLITE_ROW || code == SQLITE_DONE ? code : ReasonOf(code);
}

int Execution::ReasonOf(int code) noexcept {
  const int refusal = borrowed_capture_ == nullptr ? SQLITE_OK : borrowed_capture_->TakeRefusal();
  is_refused_ = refusal != SQLITE_OK;
  return is_refused_ ? refusal : code;
}

int Execution::StepFollowed() noexcept {
  if (is_new_) {
    is_new_ = false;
    if (borrowed_capture_ != nullptr) borrowed_capture_->EnterStatement();
    if (kind_ == ROWTAP_STATEMENT_OTHER) kind_ = Kind();
    if (kind_ == ROWTAP_STATEMENT_SCHEMA) return StepSchemaChange();
    if (kind_ != ROWTAP_STATEMENT_READ) run_ = borrowed_capture_->Begin(kind_);
  }
  const int code = RunStep();
  is_on_row_ = code == SQLITE_ROW;
  if (code == SQLITE_ROW) return code;
  if (code != SQLITE_DONE) Fail(code);
  EndRun(code != SQLITE_DONE);
  return code;
}

int Execution::Kind() noexcept {
  if (!rowtap_may_change_schema(borrowed_statement_)) return kind_;
  // Prepared before the schema changed, it could do something else now.
  sqlite3_stmt* prepared = nullptr;
  sqlite3_prepare_v2(sqlite3_db_handle(borrowed_statement_), sqlite3_sql(borrowed_statement_), -1, &prepared, nullptr);
  const sqlite::StatementHandle copy(prepared);
  return copy == nullptr ? kind_ : rowtap_statement_kind(copy.get());
}

int Execution::ResetFollowed() noexcept {
  has_begun_ = false;
  // A statement left open ends in its reset: it may commit there, or be undone.
  const int effect = run_ == 0 ? ROWTAP_EFFECT_STAYS : rowtap_failed_effect(borrowed_statement_);
  int code = sqlite3_reset(borrowed_statement_);
  const bool was_on_row = is_on_row_;
  is_on_row_ = false;
  if (run_ == 0) {
    if (borrowed_capture_ != nullptr) borrowed_capture_->EndUnnamed();
    // What a step has reported, the reset reports again.
    return was_on_row && code != SQLITE_OK ? Fail(code) : SQLITE_OK;
  }
  if (code != SQLITE_OK) code = Fail(ReasonOf(code));
  borrowed_capture_->End(run_, kind_, code != SQLITE_OK, effect);
  run_ = 0;
  return code;
}

void Execution::EndRun(bool is_failed) noexcept {
  if (run_ == 0) return;
  // Another connection changed the schema in between, and so did, compiled anew, this statement: nobody saw what it changed.
  if (kind_ == ROWTAP_STATEMENT_OTHER && !is_failed && rowtap_may_change_schema(borrowed_statement_) &&
      rowtap_statement_kind(borrowed_statement_) == ROWTAP_STATEMENT_SCHEMA) {
    borrowed_capture_->Lose();
  }
  borrowed_capture_->End(run_, kind_, is_failed, rowtap_failed_effect(borrowed_statement_));
  run_ = 0;
}

int Execution::StepSchemaChange() noexcept {
  sqlite3* const db = sqlite3_db_handle(borrowed_statement_);
  // A writing statement that is left open keeps every commit waiting for its end, though its transaction may have been rolled back.
  const bool is_alone =
      sqlite3_get_autocommit(db) != 0 && rowtap_transaction_state(db) != SQLITE_TXN_WRITE && rowtap_writing_statements(db) == 0;
  const bool is_unobserved =
      is_alone && !borrowed_capture_->is_witness() && !borrowed_capture_->IsFollowed() && borrowed_capture_->BeginUnobserved();
  if (is_unobserved || borrowed_capture_->is_witness()) {
    run_ = borrowed_capture_->Begin(kind_);
    const int code = RunStep();
    if (code != SQLITE_DONE) Fail(code);
    EndRun(code != SQLITE_DONE);
    if (is_unobserved) borrowed_capture_->EndUnobserved();
    return code;
  }

  // The write lock that the statement is about to take is taken before the first look, so that what is seen is what it changes. That of
  // main alone: BEGIN IMMEDIATE would want those of attached files too.
  if (is_alone) {
    if (const int code = sqlite3_exec(db, "BEGIN", nullptr, nullptr, nullptr); code != SQLITE_OK) return Fail(code);
  }
  if (const int code = rowtap_begin_write(db); code != SQLITE_OK) {
    try {
      message_ = sqlite3_errstr(code);
    } catch (...) {
    }
    if (is_alone) rowtap_roll_back(db);
    return code;
  }
  // Where looking has cost the transaction, the statement fails as any other would that has met with the same.
  SchemaChange change(db, *borrowed_capture_);
  if (const int code = change.Before(); code != SQLITE_OK) return Fail(code);
  run_ = borrowed_capture_->Begin(kind_);
  int code = RunStep();
  if (code == SQLITE_DONE) {
    if (const int after_code = change.After(); after_code != SQLITE_OK) code = after_code;
  }
  const bool is_failed = code != SQLITE_DONE;
  if (is_failed) Fail(code);
  EndRun(is_failed);
  if (!is_alone || sqlite3_get_autocommit(db) != 0) return code;

  if (is_failed) {
    sqlite3_reset(borrowed_statement_);
  } else if (const int commit_code = sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr); commit_code != SQLITE_OK) {
    code = Fail(ReasonOf(commit_code));
  }
  // By no statement: where memory has run out, none can be prepared, and the application would be left in a transaction it never began.
  rowtap_roll_back(db);
  borrowed_capture_->End(0, ROWTAP_STATEMENT_OTHER, code != SQLITE_DONE, ROWTAP_EFFECT_STAYS);
  return code;
}

}  // namespace rowtap::capture
