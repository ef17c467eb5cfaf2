#include "capture/capture.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <new>

#include "capture/frame.h"
#include "capture/json.h"
#include "sqlite/internals.h"

namespace rowtap::capture {

namespace {

// Longer than most transactions, and short for those who wait until they may begin one.
constexpr std::chrono::milliseconds kWitnessPatience(2);

// Of the process: an extension can see to it that every connection opened later has it too
// (https://www.sqlite.org/c3ref/auto_extension.html).
std::atomic<bool> are_extensions_loaded{false};

int64_t NowMs() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

FrameOp FrameOpOf(int op) noexcept {
  return op == SQLITE_INSERT ? FrameOp::kInsert : op == SQLITE_UPDATE ? FrameOp::kUpdate : FrameOp::kDelete;
}

// Writes the header, and zeros over the padding; the records go between.
uint8_t* WriteHeader(uint8_t* frame, FrameOp op, uint8_t flags, uint32_t table_id, int64_t rowid_before, int64_t rowid_after,
                     uint64_t before_size, uint64_t after_size) noexcept {
  FrameHeader header{};
  header.frame_size = static_cast<uint32_t>(FrameSize(before_size, after_size));
  header.op = static_cast<uint8_t>(op);
  header.flags = flags;
  header.table_id = table_id;
  header.before_size = static_cast<uint32_t>(before_size);
  header.rowid_before = rowid_before;
  header.rowid_after = rowid_after;
  header.after_size = static_cast<uint32_t>(after_size);
  std::memset(frame + header.frame_size - 8, 0, 8);
  std::memcpy(frame, &header, kHeaderSize);
  return frame + kHeaderSize;
}

}  // namespace

std::unique_ptr<Capture> Capture::Install([[maybe_unused]] sqlite3* borrowed_db) {
#ifdef SQLITE_ENABLE_PREUPDATE_HOOK
  const std::shared_ptr<Hub> hub = Hub::Join(borrowed_db);
  std::unique_ptr<Capture> capture;
  try {
    capture.reset(new Capture(borrowed_db, hub, false));
  } catch (const std::bad_alloc&) {
    hub->Leave();
    throw;
  }
  capture->InstallHooks();
  if (are_extensions_loaded.load(std::memory_order_relaxed)) capture->ExpectExtensions();
  return capture;
#else
  return nullptr;
#endif
}

std::unique_ptr<Capture> Capture::InstallWitness(sqlite3* borrowed_db, std::shared_ptr<Hub> hub) {
  Hub& borrowed_hub = *hub;
  if (!borrowed_hub.gate().TryHold(kWitnessPatience)) return nullptr;
  try {
    std::unique_ptr<Capture> capture(new Capture(borrowed_db, std::move(hub), true));
    capture->InstallHooks();
    return capture;
  } catch (const std::bad_alloc&) {
    borrowed_hub.gate().Release();
    throw;
  }
}

Capture::Capture(sqlite3* borrowed_db, std::shared_ptr<Hub> hub, bool is_witness)
    : borrowed_db_(borrowed_db),
      hub_(std::move(hub)),
      is_witness_(is_witness),
      buffer_(hub_->store()),
      log_(borrowed_db),
      pending_(std::make_shared<PendingCommit>()) {}

void Capture::InstallHooks() {
#ifdef SQLITE_ENABLE_PREUPDATE_HOOK
  if (!is_witness_) {
    sqlite3_preupdate_hook(
        borrowed_db_,
        [](void* self, sqlite3*, int op, const char*, const char*, sqlite3_int64 rowid_before, sqlite3_int64 rowid_after) {
          static_cast<Capture*>(self)->OnChange(op, rowid_before, rowid_after);
        },
        this);
  }
#endif
  sqlite3_commit_hook(
      borrowed_db_, [](void* self) { return static_cast<Capture*>(self)->OnCommit(); }, this);
  sqlite3_rollback_hook(
      borrowed_db_, [](void* self) { static_cast<Capture*>(self)->OnRollback(); }, this);
}

Capture::~Capture() {
  Close();
}

void Capture::Close() noexcept {
  if (is_closed_) return;
  is_closed_ = true;
#ifdef SQLITE_ENABLE_PREUPDATE_HOOK
  sqlite3_preupdate_hook(borrowed_db_, nullptr, nullptr);
  sqlite3_commit_hook(borrowed_db_, nullptr, nullptr);
  sqlite3_rollback_hook(borrowed_db_, nullptr, nullptr);
  if (expects_extensions_) sqlite3_trace_v2(borrowed_db_, 0, nullptr, nullptr);
#endif
  OnRollback();
  if (is_unknown_) SettleUnknown();
  if (owes_loss_) AnnounceLoss();
  if (has_open_transaction_) hub_->gate().Leave();
  has_open_transaction_ = false;
  if (is_witness_) {
    hub_->gate().Release();
  } else {
    hub_->Leave();
  }
}

// ---- hooks

void Capture::OnChange([[maybe_unused]] int op, [[maybe_unused]] int64_t rowid_before, [[maybe_unused]] int64_t rowid_after) noexcept {
#ifdef SQLITE_ENABLE_PREUPDATE_HOOK
  rowtap_change change;
  rowtap_read_change(borrowed_db_, &change);
  // Attached and temporary databases are not captured.
  if (change.database != 0) return;
  try {
    const KnownTable* table = FindTable(change);
    if (!table->is_captured) {
      // By INSERT, UPDATE or DELETE: what the tables hold may read otherwise from now on. Statements that change the schema are not
      // announced.
      if (table->is_schema) Lose();
      return;
    }
    // By a statement of an extension's: what becomes of its changes can't be told from outside.
    if (change.statement != running_.statement) return Lose();
    if (!KeepsRecording(0)) {
      buffer_.CountFrame();
      return;
    }
    rowtap_read_records(borrowed_db_, &change);
    // A large row is not copied to find out that it has been too large.
    if (change.has_records && !KeepsRecording(uint64_t{change.before_size} + change.after_size + change.after_zeros)) {
      buffer_.CountFrame();
      return;
    }
    if (change.is_blob_write) {
      // Announced as a delete, and what will be written is not known here.
      Lose();
    } else if (change.has_records) {
      AppendRecords(op, rowid_before, rowid_after, change, *table);
    } else {
      AppendValues(op, rowid_before, rowid_after, change, *table);
    }
  } catch (const std::bad_alloc&) {
    // The statement fails as it does when SQLite's own memory runs out, and is undone: nothing is lost, since nothing is changed.
    rowtap_run_out_of_memory(borrowed_db_);
  }
#endif
}

int Capture::OnCommit() noexcept {
  if (owes_loss_) is_lost_ = true;
  bool has_changes = buffer_.mark().frames > 0 || is_lost_;
  // A commit of which nothing is delivered counts as ours all the same; one to attached or temporary databases alone does not concern the
  // file.
  if (!has_changes && rowtap_transaction_state(borrowed_db_) != SQLITE_TXN_WRITE) return 0;
  if (pending_ == nullptr) {
    // The hub still holds the last one. Without its memory the commit could not be put in order, and is refused as SQLite refuses it when
    // its own runs out.
    try {
      pending_ = std::make_shared<PendingCommit>();
    } catch (const std::bad_alloc&) {
      return Refuse(SQLITE_NOMEM);
    }
  }
  time_ms_ = NowMs();
  bool has_log = false;
  if (const int code = log_.Open(has_log); code != SQLITE_OK) return Refuse(code);
  // Without a changed page SQLite writes nothing and counts nothing, and so does the log; but an UPDATE that changes no value is told of.
  // What others have written meanwhile stands in the log, where the next look finds it.
  if (has_log && !has_changes && rowtap_has_changed_pages(borrowed_db_) == 0) return 0;
  if (!has_log) {
    hub_->Enter(pending_, has_changes, rowtap_commit_counter(borrowed_db_));
    is_sealed_ = true;
    return 0;
  }
  if (is_unobserved_) is_lost_ = has_changes = true;
  LogTail tail;
  if (const int code = log_.ReadTail(tail); code != SQLITE_OK) return Refuse(code);
  hub_->EnterLogged(pending_, has_changes, rowtap_commit_counter(borrowed_db_), tail);
  is_sealed_ = true;
  if (const int code = WriteLog(has_changes, tail); code != SQLITE_OK) {
    hub_->Drop(*pending_);
    if (pending_.use_count() > 1) pending_ = nullptr;
    is_sealed_ = false;
    return Refuse(code);
  }
  return 0;
}

int Capture::WriteLog(bool has_changes, const LogTail& tail) noexcept {
  LogWriter::Entry entry{pending_->log_gap_lsn, time_ms_, pending_->commits - 1, pending_->counter_before};
  if (entry.lsn != 0) {
    if (const int code = log_.WriteGap(entry, GapReason::kExternalWriter); code != SQLITE_OK) return code;
  }
  entry.lsn = pending_->log_lsn;
  entry.commits = pending_->commits;
  return has_changes && is_lost_ ? log_.WriteGap(entry, GapReason::kHistoryChanged) : log_.WriteTransaction(entry, buffer_, *hub_);
}

// SQLite rolls the transaction back and says that a constraint failed; the statement's caller hears of `code` instead.
int Capture::Refuse(int code) noexcept {
  if ((code & 0xff) == SQLITE_NOMEM) {
    rowtap_run_out_of_memory(borrowed_db_);
  } else {
    refusal_ = code;
  }
  return 1;
}

void Capture::OnRollback() noexcept {
  if (is_unknown_) return;
  if (is_sealed_) {
    switch (rowtap_failed_commit_outcome(borrowed_db_, pending_->counter_before)) {
      case ROWTAP_COMMIT_DONE:
        return Publish();
      case ROWTAP_COMMIT_UNKNOWN:
        is_unknown_ = true;
        return;
      default:
        hub_->Drop(*pending_);
    }
  }
  owes_loss_ = owes_loss_ || ((is_lost_ || buffer_.mark().frames > 0) && rowtap_can_undo(borrowed_db_) == 0);
  EndTransaction(false);
}

void Capture::OnStatement(sqlite3_stmt* statement) noexcept {
  if (statement == running_.statement) return;
  // One before it, of the same step, may have committed.
  if (is_sealed_ || is_unknown_) Settle();
  // The marks would no longer be those of SQLite's savepoints.
  if (rowtap_moves_savepoints(statement)) Lose();
  // Inside CREATE VIRTUAL TABLE and its like, a module's own tables: those are looked at before and after it.
  if (running_.kind != ROWTAP_STATEMENT_SCHEMA && rowtap_statement_kind(statement) == ROWTAP_STATEMENT_SCHEMA) Lose();
}

void Capture::ExpectExtensions() noexcept {
  are_extensions_loaded.store(true, std::memory_order_relaxed);
  if (expects_extensions_) return;
  expects_extensions_ = true;
  sqlite3_trace_v2(
      borrowed_db_, SQLITE_TRACE_STMT,
      [](unsigned, void* self, void* statement, void*) {
        static_cast<Capture*>(self)->OnStatement(static_cast<sqlite3_stmt*>(statement));
        return 0;
      },
      this);
}

// An extension can put hooks of its own in the place of ours, and what it did then was not seen.
void Capture::KeepHooks() noexcept {
  if (!expects_extensions_ || rowtap_has_hooks(borrowed_db_, this)) return;
  InstallHooks();
  const bool is_over = rowtap_transaction_state(borrowed_db_) != SQLITE_TXN_WRITE;
  Lose();
  if (!is_over) return;
  EndTransaction(false);
  owes_loss_ = true;
}

// Of what is left in the file, where no commit has carried it.
void Capture::AnnounceLoss() noexcept {
  try {
    if (pending_ == nullptr) pending_ = std::make_shared<PendingCommit>();
  } catch (const std::bad_alloc&) {
    return;
  }
  const uint64_t counter = rowtap_commit_counter(borrowed_db_);
  hub_->Enter(pending_, true, counter);
  pending_->counter_after = counter;
  pending_->changes = 0;
  pending_->size = 0;
  hub_->Lose(*pending_);
  pending_ = nullptr;
  owes_loss_ = false;
}

// ---- recording

Capture::KnownTable* Capture::FindTable(const rowtap_change& change) {
  const auto address = reinterpret_cast<uintptr_t>(change.table);
  KnownTable& known = tables_[((address >> 5) ^ (address >> 11)) % tables_.size()];
  if (known.table == change.table && known.cookie == change.cookie && known.generation == change.generation) return &known;
  known.table = nullptr;
  known.is_captured = rowtap_is_user_table(change.table) != 0;
  known.is_schema = rowtap_is_schema_table(change.table) != 0;
  if (known.is_captured) {
    const std::unique_ptr<char, void (*)(void*)> description(rowtap_describe_table(change.table), sqlite3_free);
    if (description == nullptr) throw std::bad_alloc();
    known.id = hub_->Intern(description.get());
    known.stored_columns.resize(static_cast<size_t>(rowtap_stored_columns(change.table, nullptr)));
    rowtap_stored_columns(change.table, known.stored_columns.data());
    known.rowid_column = rowtap_rowid_column(change.table);
  }
  known.table = change.table;
  known.cookie = change.cookie;
  known.generation = change.generation;
  return &known;
}

bool Capture::KeepsRecording(uint64_t more_bytes) noexcept {
  if (buffer_.is_given_up()) return false;
  if (buffer_.mark().size + more_bytes <= Hub::kMaxUnwatchedBytes || is_to_be_logged_ || hub_->IsWatched()) return true;
  is_to_be_logged_ = KeepsLog();
  if (is_to_be_logged_ || !hub_->Abandon()) return true;
  is_abandoned_ = true;
  buffer_.GiveUp();
  return false;
}

bool Capture::BeginUnobserved() noexcept {
  is_unobserved_ = hub_->Abandon();
  return is_unobserved_;
}

void Capture::EndUnobserved() noexcept {
  is_unobserved_ = false;
  hub_->EndAbandoned();
}

bool Capture::KeepsLog() noexcept {
  bool has_log = false;
  // Where it can't be looked for, it is kept to be on the safe side; the commit looks again.
  return log_.Open(has_log) != SQLITE_OK || has_log;
}

void Capture::AppendRecords(int op, int64_t rowid_before, int64_t rowid_after, const rowtap_change& change, const KnownTable& table) {
  const auto columns = static_cast<int>(table.stored_columns.size());
  const uint64_t after_size = uint64_t{change.after_size} + change.after_zeros;
  uint8_t* const frame = buffer_.BeginFrame(FrameSize(change.before_size, after_size));
  if (frame == nullptr) throw std::bad_alloc();
  const uint8_t flags = change.depth > 0 ? kIndirect : 0;
  uint8_t* const before = WriteHeader(frame, FrameOpOf(op), flags, table.id, rowid_before, rowid_after, change.before_size, after_size);
  uint8_t* const after = before + change.before_size;
  if (change.before_size != 0 && rowtap_copy_before(&change, before) != SQLITE_OK) return Lose();
  if (change.after_size != 0) std::memcpy(after, change.after, change.after_size);
  if (change.after_zeros != 0) std::memset(after + change.after_size, 0, change.after_zeros);
  // A row stored before a column was added is shorter than the table.
  if ((op != SQLITE_INSERT && !HasFields({before, change.before_size}, columns)) ||
      (op != SQLITE_DELETE && !HasFields({after, after_size}, columns))) {
    return AppendValues(op, rowid_before, rowid_after, change, table);
  }
  EndFrame();
}

void Capture::AppendValues(int op, int64_t rowid_before, int64_t rowid_after, const rowtap_change& change, const KnownTable& table) {
  before_.Clear();
  after_.Clear();
  if (op != SQLITE_INSERT) WriteOldValues(table);
  if (op != SQLITE_DELETE) WriteNewValues(op, change, table);
  const auto before = op != SQLITE_INSERT ? before_.Finish() : std::span<const uint8_t>();
  const auto after = op != SQLITE_DELETE ? after_.Finish() : std::span<const uint8_t>();
  uint8_t* const frame = buffer_.BeginFrame(FrameSize(before.size(), after.size()));
  if (frame == nullptr) throw std::bad_alloc();
  const uint8_t flags = change.depth > 0 ? kIndirect : 0;
  uint8_t* to = WriteHeader(frame, FrameOpOf(op), flags, table.id, rowid_before, rowid_after, before.size(), after.size());
  if (!before.empty()) std::memcpy(to, before.data(), before.size());
  if (!after.empty()) std::memcpy(to + before.size(), after.data(), after.size());
  EndFrame();
}

void Capture::EndFrame() {
  if (buffer_.EndFrame()) return;
  if (buffer_.is_given_up()) Lose();
  throw std::bad_alloc();
}

void Capture::WriteOldValues([[maybe_unused]] const KnownTable& table) {
#ifdef SQLITE_ENABLE_PREUPDATE_HOOK
  for (const int column : table.stored_columns) {
    if (column == table.rowid_column) {
      before_.AddNull();
      continue;
    }
    // Where memory runs out, it can answer SQLITE_OK without a value.
    sqlite3_value* value = nullptr;
    if (sqlite3_preupdate_old(borrowed_db_, column, &value) != SQLITE_OK || value == nullptr) throw std::bad_alloc();
    before_.AddValue(value);
  }
#endif
}

void Capture::WriteNewValues([[maybe_unused]] int op, [[maybe_unused]] const rowtap_change& change,
                             [[maybe_unused]] const KnownTable& table) {
#ifdef SQLITE_ENABLE_PREUPDATE_HOOK
  // `INSERT ... SELECT *` between equal tables moves records as they are, short ones too. For what they lack the public function answers
  // NULL instead of the default.
  const int present = op == SQLITE_INSERT && change.after != nullptr ? CountFields({change.after, change.after_size})
                                                                     : static_cast<int>(table.stored_columns.size());
  for (int position = 0; position < static_cast<int>(table.stored_columns.size()); position++) {
    const int column = table.stored_columns[static_cast<size_t>(position)];
    if (column == table.rowid_column) {
      after_.AddNull();
    } else if (position >= present) {
      const std::unique_ptr<sqlite3_value, void (*)(sqlite3_value*)> value(rowtap_column_default(borrowed_db_, change.table, column),
                                                                           sqlite3_value_free);
      if (value == nullptr) throw std::bad_alloc();
      after_.AddValue(value.get());
    } else {
      sqlite3_value* value = nullptr;
      if (sqlite3_preupdate_new(borrowed_db_, column, &value) != SQLITE_OK || value == nullptr) throw std::bad_alloc();
      after_.AddValue(value);
    }
  }
#endif
}

void Capture::AppendInsert(uint32_t table_id, int64_t rowid, std::span<const uint8_t> record) noexcept {
  if (!KeepsRecording(0)) return buffer_.CountFrame();
  uint8_t* const frame = buffer_.BeginFrame(FrameSize(0, record.size()));
  if (frame == nullptr) return Lose();
  std::memcpy(WriteHeader(frame, FrameOp::kInsert, 0, table_id, rowid, rowid, 0, record.size()), record.data(), record.size());
  if (!buffer_.EndFrame()) Lose();
}

void Capture::AppendSchemaEvent(const char* change, const std::string& table, const std::string* sql, uint32_t table_id) noexcept {
  if (!KeepsRecording(0)) return buffer_.CountFrame();
  try {
    std::string json = "{\"change\":\"";
    json += change;
    json += "\",\"table\":";
    AppendJsonString(json, table);
    json += ",\"sql\":";
    if (sql == nullptr) {
      json += "null";
    } else {
      AppendJsonString(json, *sql);
    }
    json += '}';
    uint8_t* const frame = buffer_.BeginFrame(FrameSize(0, json.size()));
    if (frame == nullptr) return Lose();
    std::memcpy(WriteHeader(frame, FrameOp::kSchema, 0, table_id, 0, 0, 0, json.size()), json.data(), json.size());
    if (!buffer_.EndFrame()) Lose();
  } catch (const std::bad_alloc&) {
    Lose();
  }
}

void Capture::Lose() noexcept {
  is_lost_ = true;
  buffer_.GiveUp();
}

// ---- statements

uint64_t Capture::Begin(int kind) noexcept {
  if (kind == ROWTAP_STATEMENT_VACUUM) {
    hub_->BeginVacuum();
    rowtap_begin_vacuum_watch(borrowed_db_, &vacuum_watch_);
  }
  try {
    const bool has_journal = sqlite3_get_autocommit(borrowed_db_) == 0 || rowtap_running_statements(borrowed_db_) > 0;
    runs_.push_back({++last_run_, buffer_.mark(), has_journal});
    return last_run_;
  } catch (const std::bad_alloc&) {
    // Without its mark, what a failure undoes would not be known.
    Lose();
    return ++last_run_;
  }
}

void Capture::End(uint64_t run, int kind, bool is_failed, int effect) noexcept {
  for (size_t i = runs_.size(); i-- > 0;) {
    if (runs_[i].id != run) continue;
    const Run ended = runs_[i];
    if (i + 1 == runs_.size()) {
      runs_.pop_back();
    } else {
      runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(i));
    }
    if (is_failed && ended.has_journal) {
      if (effect == ROWTAP_EFFECT_UNDONE) Rewind(ended.mark);
      if (effect == ROWTAP_EFFECT_UNKNOWN && buffer_.mark().frames > ended.mark.frames) Lose();
    }
    break;
  }
  KeepHooks();
  // INSERT, UPDATE and DELETE leave the savepoints as they are, unless they end the transaction.
  if (kind != ROWTAP_STATEMENT_WRITE) FollowSavepoints(kind, is_failed);
  Settle();
  if (kind == ROWTAP_STATEMENT_VACUUM) {
    const uint64_t counter = rowtap_end_vacuum_watch(borrowed_db_, &vacuum_watch_);
    hub_->EndVacuum(is_failed ? 0 : counter);
  }
}

void Capture::SettleUnnamed() noexcept {
  KeepHooks();
  Settle();
}

void Capture::Rewind(Mark mark) noexcept {
  // Without a journal SQLite undoes nothing (https://www.sqlite.org/pragma.html#pragma_journal_mode).
  if (buffer_.mark().frames > mark.frames && rowtap_can_undo(borrowed_db_) == 0) Lose();
  if (!buffer_.RewindTo(mark)) Lose();
  // What stood behind the mark is gone, and so are the marks of statements that began there.
  std::erase_if(runs_, [&](const Run& run) { return run.mark.frames > mark.frames; });
}

// The marks follow SQLite's own stack of savepoints, so that names, nesting and case are its business.
void Capture::FollowSavepoints(int kind, bool is_failed) noexcept {
  const auto depth = static_cast<size_t>(rowtap_savepoint_depth(borrowed_db_));
  if (depth == savepoints_.size() && kind != ROWTAP_STATEMENT_ROLLBACK_TO) return;
  try {
    savepoints_.resize(depth, buffer_.mark());
  } catch (const std::bad_alloc&) {
    Lose();
    return;
  }
  if (kind == ROWTAP_STATEMENT_ROLLBACK_TO && !is_failed && depth > 0) Rewind(savepoints_.back());
}

void Capture::Settle() noexcept {
  if (is_unknown_) {
    SettleUnknown();
  } else if (is_sealed_) {
    if (rowtap_transaction_state(borrowed_db_) == SQLITE_TXN_WRITE) {
      hub_->Drop(*pending_);
      is_sealed_ = false;
      if (pending_.use_count() > 1) pending_ = nullptr;
    } else {
      Publish();
    }
  }
  NoteTransaction();
}

void Capture::NoteTransaction() noexcept {
  if (!has_open_transaction_) return;
  if (sqlite3_get_autocommit(borrowed_db_) == 0 || rowtap_transaction_state(borrowed_db_) != SQLITE_TXN_NONE) return;
  has_open_transaction_ = false;
  hub_->gate().Leave();
}

// Where the file may hold what was given up, nobody is told of rows that may not be there, but that something is lost.
void Capture::SettleUnknown() noexcept {
  is_unknown_ = false;
  if (rowtap_unknown_commit_outcome(borrowed_db_, pending_->counter_before, &pending_->counter_after) == ROWTAP_COMMIT_UNDONE) {
    hub_->Drop(*pending_);
  } else if (is_lost_ || pending_->lsn != 0) {
    hub_->Lose(*pending_);
  } else {
    hub_->Commit(*pending_, nullptr);
  }
  EndTransaction(false);
}

void Capture::Publish() noexcept {
  const uint64_t counter = rowtap_commit_counter(borrowed_db_);
  pending_->counter_after = counter != 0 || pending_->counter_before == 0 ? counter : NextCount(pending_->counter_before);
  pending_->changes = buffer_.mark().frames;
  pending_->size = buffer_.mark().size;
  std::shared_ptr<Batch> batch;
  // Nobody can begin to listen between the seal and here: a reader waits until no commit is in doubt.
  if (hub_->IsWatched() && !is_lost_ && pending_->lsn != 0) {
    try {
      batch = buffer_.Detach();
      batch->lsn = pending_->lsn;
      batch->time_ms = time_ms_;
    } catch (const std::bad_alloc&) {
      is_lost_ = true;
    }
  }
  if (is_lost_) {
    hub_->Lose(*pending_);
  } else {
    hub_->Commit(*pending_, std::move(batch));
  }
  EndTransaction(true);
}

void Capture::EndTransaction(bool is_committed) noexcept {
  if (is_abandoned_) hub_->EndAbandoned();
  is_abandoned_ = false;
  is_lost_ = is_to_be_logged_ = false;
  buffer_.Clear();
  log_.NoteEnd(is_committed);
  if (is_committed) owes_loss_ = false;
  runs_.clear();
  savepoints_.clear();
  // While commits before it are open, the hub still needs this one.
  if (is_sealed_ && pending_.use_count() > 1) pending_ = nullptr;
  is_sealed_ = false;
}

}  // namespace rowtap::capture
