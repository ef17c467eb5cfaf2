// Watches one connection: records what its transactions change, and publishes what they commit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capture/hub.h"
#include "capture/log_writer.h"
#include "capture/record.h"
#include "capture/transaction_buffer.h"
#include "sqlite/internals.h"
#include "sqlite3.h"

struct rowtap_change;

namespace rowtap::capture {

// The life of a transaction, all in its connection's thread:
//
//   preupdate hook   appends the row to the buffer
//   a statement fails, ROLLBACK TO   the buffer is rewound to the statement's or the savepoint's mark
//   commit hook      seals: the LSN is taken, and where the file keeps a log, the transaction is written there as a part of itself. Not yet
//   a
//                    commit: writing may still fail
//   rollback hook    the buffer is cleared. Behind a commit hook SQLite may have given up a commit that the file holds all the same: it is
//                    published then; where that is not known yet, it is looked at when the statement has ended
//   the statement has ended   committed if it is sealed and no write transaction is open any more: then the buffer is published as a batch.
//                    Sealed, and the transaction still open: the COMMIT failed and can be tried again; the seal is broken
//
// Inside a hook there is no JavaScript and no SQL, and nothing throws.
class Capture {
 public:
  // A statement that an Execution is stepping or resetting, and its kind.
  struct Running {
    const sqlite3_stmt* statement = nullptr;
    int kind = ROWTAP_STATEMENT_READ;
  };

  // To be called directly after opening, before any statement can be prepared: SQLite decides at prepare whether DELETE without WHERE may
  // skip the hook. Null in a build without the preupdate hook. Throws std::bad_alloc.
  static std::unique_ptr<Capture> Install(sqlite3* borrowed_db);
  // For a connection of rowtap's own on the hub's file, which has no transaction open: its commits are ours, but what they change is not
  // recorded. It holds the hub's gate until it is closed; null where a transaction stays
  // open.
  static std::unique_ptr<Capture> InstallWitness(sqlite3* borrowed_db, std::shared_ptr<Hub> hub);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  bool is_witness() const noexcept { return is_witness_; }
  Hub& hub() noexcept { return *hub_; }
  std::shared_ptr<Hub> SharedHub() const noexcept { return hub_; }

  // Before sqlite3_close, when every statement has been ended: an open transaction is dropped, the hooks are removed.
  void Close() noexcept;

  // Whether what is read now is a transaction of its own, that neither holds a write of rowtap's own up nor is held up by it, and
  // that no extension can go on to write in. If so it need not pass the gate.
  bool ReadsApart() const noexcept {
    return !has_open_transaction_ && !expects_extensions_ && sqlite3_get_autocommit(borrowed_db_) != 0 &&
           rowtap_reads_beside_writes(borrowed_db_) != 0;
  }
  // For Execution, before the first step of any other statement.
  void EnterStatement() noexcept {
    if (has_open_transaction_ || is_witness_) return;
    has_open_transaction_ = true;
    hub_->gate().Enter();
  }
  // For Execution and LibraryCall: what SQLite is running now, until it says otherwise; null: nothing that rowtap knows of. Gives what was
  // running before.
  Running SetRunning(Running running) noexcept { return std::exchange(running_, running); }
  // For Execution and LibraryCall, where a run has ended that `Begin` was not called for: extensions may have written in it.
  void EndUnnamed() noexcept {
    if (expects_extensions_ || has_open_transaction_ || is_sealed_ || is_unknown_) SettleUnnamed();
  }
  // For Execution. A run is named by a number, never 0; `kind` as rowtap_statement_kind has it.
  uint64_t Begin(int kind) noexcept;
  // The run has ended. `effect`, of one that failed, as rowtap_failed_effect.
  void End(uint64_t run, int kind, bool is_failed, int effect) noexcept;
  // What kept the last commit from being made, where it was no refusal of SQLite's own: its message speaks of a constraint. SQLITE_OK where
  // there is nothing to say; asked once.
  int TakeRefusal() noexcept { return std::exchange(refusal_, SQLITE_OK); }
  // Whether what a statement does to the schema has to be observed: somebody listens, or the file keeps a log.
  bool IsFollowed() noexcept { return hub_->IsWatched() || KeepsLog(); }
  // Around a schema change that makes up a transaction of its own, and is not observed because nobody follows. Nobody can begin to listen
  // meanwhile, be it in another thread or in a function of the application's that the statement calls. Where a log turns out to be kept
  // when it is committed, it is lost there. False: somebody listens by now.
  bool BeginUnobserved() noexcept;
  void EndUnobserved() noexcept;
  // Puts a schema event at this place of the transaction.
  void AppendSchemaEvent(const char* change, const std::string& table, const std::string* sql, uint32_t table_id) noexcept;
  // Puts a row there as an insert that no hook announced.
  void AppendInsert(uint32_t table_id, int64_t rowid, std::span<const uint8_t> record) noexcept;
  // What this transaction changes can't be recorded: if it commits, the subscribers are told that they have lost it.
  void Lose() noexcept;
  // Tells the hub where the connection has no transaction open any more. To be called also where a statement that only reads is left open:
  // it holds one as well.
  void NoteTransaction() noexcept;

  // An extension is about to be loaded into the connection. From now on its statements are looked for: code in C can run them inside
  // another statement's step, where no Execution sees them. Where they have changed rows or moved savepoints, their transaction is lost.
  void ExpectExtensions() noexcept;

 private:
  void SettleUnnamed() noexcept;
  using Mark = TransactionBuffer::Mark;

  struct Run {
    uint64_t id;
    Mark mark;
    bool has_journal;  // SQLite opens a statement journal for it where it may have to be undone alone
  };

  // One table of the connection's schema in memory. Its address alone could be another table's after DDL.
  struct KnownTable {
    const void* table = nullptr;
    int cookie = 0;
    int generation = 0;
    bool is_captured = false;
    bool is_schema = false;  // sqlite_schema
    uint32_t id = 0;
    std::vector<int> stored_columns;
    int rowid_column = -1;
  };

  Capture(sqlite3* borrowed_db, std::shared_ptr<Hub> hub, bool is_witness);
  void InstallHooks();

  void OnChange(int op, int64_t rowid_before, int64_t rowid_after) noexcept;
  int OnCommit() noexcept;
  void OnRollback() noexcept;
  void OnStatement(sqlite3_stmt* statement) noexcept;
  void KeepHooks() noexcept;
  void AnnounceLoss() noexcept;

  KnownTable* FindTable(const rowtap_change& change);
  void AppendRecords(int op, int64_t rowid_before, int64_t rowid_after, const rowtap_change& change, const KnownTable& table);
  void AppendValues(int op, int64_t rowid_before, int64_t rowid_after, const rowtap_change& change, const KnownTable& table);
  void EndFrame();
  void WriteOldValues(const KnownTable& table);
  void WriteNewValues(int op, const rowtap_change& change, const KnownTable& table);
  // Whether to record so many bytes more. Where nobody listens, and the transaction is large, no: from then on nothing of it is kept.
  bool KeepsRecording(uint64_t more_bytes) noexcept;
  bool KeepsLog() noexcept;
  int WriteLog(bool has_changes, const LogTail& tail) noexcept;
  int Refuse(int code) noexcept;

  void Rewind(Mark mark) noexcept;
  void FollowSavepoints(int kind, bool is_failed) noexcept;
  void Settle() noexcept;
  void SettleUnknown() noexcept;
  void Publish() noexcept;
  void EndTransaction(bool is_committed) noexcept;

  sqlite3* const borrowed_db_;
  const std::shared_ptr<Hub> hub_;
  const bool is_witness_;
  TransactionBuffer buffer_;
  LogWriter log_;
  std::shared_ptr<PendingCommit> pending_;
  rowtap_vacuum_watch vacuum_watch_{};
  int64_t time_ms_ = 0;
  int refusal_ = SQLITE_OK;
  bool is_sealed_ = false;
  bool is_unknown_ = false;  // SQLite has given the sealed commit up, and the file may hold it
  bool is_lost_ = false;
  bool owes_loss_ = false;  // the connection's last transaction was rolled back, and may have left something in the file
  bool expects_extensions_ = false;
  bool is_unobserved_ = false;
  bool is_to_be_logged_ = false;  // the transaction has grown large, and the file keeps a log
  bool is_abandoned_ = false;
  bool has_open_transaction_ = false;  // or a statement that may have begun one
  bool is_closed_ = false;
  Running running_;
  std::vector<Run> runs_;
  uint64_t last_run_ = 0;
  std::vector<Mark> savepoints_;  // as many as SQLite has open
  std::array<KnownTable, 64> tables_;
  RecordWriter before_;
  RecordWriter after_;
};

}  // namespace rowtap::capture
