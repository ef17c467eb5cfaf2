// What capture needs to know from inside SQLite, and public functions do not tell. Each section is implemented by the file in internals/
// that has its name. These are parts of amalgamation.c, the only unit that sees SQLite's structures; capture/self_check.cpp compares their
// answers with the public functions when the addon loads.
#pragma once

#include <stdint.h>

#include "sqlite3.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- changes

// One call of the preupdate hook. Valid inside the hook only.
typedef struct rowtap_change {
  // Filled by rowtap_read_change.
  int database;                   // 0: main; negative: no schema's
  const sqlite3_stmt* statement;  // that is changing the row, by itself or by its triggers
  const void* table;              // with cookie and generation: the identity of a table's shape on this connection
  int cookie;
  int generation;
  // Filled by rowtap_read_records.
  int depth;          // triggers and foreign-key actions on the stack
  int is_blob_write;  // sqlite3_blob_write, announced as a delete
  int has_records;    // 0: take the values through sqlite3_preupdate_old and _new
  const unsigned char* after;
  uint32_t after_size;   // bytes at `after`
  uint32_t after_zeros;  // zero bytes that follow them (https://www.sqlite.org/c3ref/bind_blob.html, zeroblob)
  const unsigned char* before;
  uint32_t before_local;  // bytes at `before`; fewer than before_size where the record goes on in overflow pages
  uint32_t before_size;
  void* before_cursor;
} rowtap_change;

void rowtap_read_change(sqlite3* db, rowtap_change* change);
void rowtap_read_records(sqlite3* db, rowtap_change* change);
// Copies the whole record as it was. May read overflow pages; returns SQLite's code.
int rowtap_copy_before(const rowtap_change* change, void* to);
// Inside the hook: makes the statement fail with SQLITE_NOMEM.
void rowtap_run_out_of_memory(sqlite3* db);
// Whether the commit, the rollback and the preupdate hook are those that were given that argument.
int rowtap_has_hooks(sqlite3* db, const void* argument);

// ---- tables

// The in-memory table of that name in main, or NULL.
const void* rowtap_find_table(sqlite3* db, const char* name);
// True for a table whose changes are delivered: not virtual, not a virtual table's shadow, not SQLite's own, not rowtap's.
int rowtap_is_user_table(const void* table);
// True for sqlite_schema, which tells of the tables of main.
int rowtap_is_schema_table(const void* table);
// JSON as lib/schema/description.ts has it; NULL where memory ran out. Owned by the caller (sqlite3_free).
char* rowtap_describe_table(const void* table);
// Columns that are stored, in stored order, as indexes of declared columns. `columns` may be NULL. Returns how many.
int rowtap_stored_columns(const void* table, int* columns);
const char* rowtap_column_name(const void* table, int column);
// The INTEGER PRIMARY KEY column, which the record holds as NULL; -1: none.
int rowtap_rowid_column(const void* table);
// The value that a column has in a row stored before the column was added; NULL where memory ran out. Owned by the caller
// (sqlite3_value_free).
sqlite3_value* rowtap_column_default(sqlite3* db, const void* table, int column);

// ---- statements

enum rowtap_statement_kind {
  ROWTAP_STATEMENT_READ,         // writes nothing, ends nothing
  ROWTAP_STATEMENT_WRITE,        // INSERT, UPDATE, DELETE
  ROWTAP_STATEMENT_SCHEMA,       // changes the schema of main
  ROWTAP_STATEMENT_ROLLBACK_TO,  // ROLLBACK TO a savepoint
  ROWTAP_STATEMENT_VACUUM,       // commits without a call of the commit hook
  ROWTAP_STATEMENT_OTHER,
};
int rowtap_statement_kind(sqlite3_stmt* statement);
// False where the statement can never be of kind SCHEMA. `CREATE TABLE IF NOT EXISTS` that found the table when it was prepared is of kind
// OTHER, and is compiled anew when it runs after the table has gone.
int rowtap_may_change_schema(sqlite3_stmt* statement);
// Whether it is a SAVEPOINT, a RELEASE or a ROLLBACK TO.
int rowtap_moves_savepoints(sqlite3_stmt* statement);
// Statements that are being run on the connection and read or write.
int rowtap_running_statements(sqlite3* db);
// Those of them that write.
int rowtap_writing_statements(sqlite3* db);
// After a failed step and before the reset: what became of what the statement had changed, if its transaction goes on. Undone with the
// statement's journal, which it had opened only if it was run inside a transaction, or beside another statement; or left in place by FAIL,
// and by an error that SQLite expects of no such statement and opens no journal for (a value that is no rowid, in the second row of INSERT
// OR IGNORE). Where the disk or the memory fails in the middle of writing a row that has been announced, it is not known which rows are
// there, unless no page of main has been written at all (no rollback journal could be opened).
enum rowtap_effect { ROWTAP_EFFECT_STAYS, ROWTAP_EFFECT_UNDONE, ROWTAP_EFFECT_UNKNOWN };
int rowtap_failed_effect(sqlite3_stmt* statement);

// ---- transactions

// SQLITE_TXN_NONE, _READ or _WRITE of main.
int rowtap_transaction_state(sqlite3* db);
// Open savepoints, the one that began the transaction included.
int rowtap_savepoint_depth(sqlite3* db);
// Whether the write transaction of main has changed any page: a commit without is none.
int rowtap_has_changed_pages(sqlite3* db);
// Takes the write lock of main inside an open transaction, as the next writing statement would, and waits for it as long. Returns SQLite's
// code.
int rowtap_begin_write(sqlite3* db);
// What SQLite does by itself where a statement has failed in autocommit: unlike ROLLBACK it can't fail, since it takes no memory, and other
// statements that read go on.
void rowtap_roll_back(sqlite3* db);

// ---- file

// Whether those who read the main database and those who write it do not lock each other out: it has been found to be in WAL mode, or is no
// file, and only this connection's.
int rowtap_reads_beside_writes(sqlite3* db);
// Whether main is in exclusive locking mode (https://www.sqlite.org/pragma.html#pragma_locking_mode).
int rowtap_is_exclusive(sqlite3* db);
// False where main has no journal: what is rolled back stays where it had reached the file.
int rowtap_can_undo(sqlite3* db);
// Inside a read transaction of main: the bytes of the write-ahead log that can't be reset before it ends, as of now. 0: no log, or one of
// which the transaction needs nothing. A frame is a page with a header of 24 bytes, and 32 bytes stand before the first
// (https://www.sqlite.org/fileformat2.html#wal_file_format).
uint64_t rowtap_held_wal_bytes(sqlite3* db);

// ---- commits

// A number that every commit to main's file makes greater by one, whoever commits, as the connection's newest transaction saw it; with the
// journal mode in its upper half, since the two kinds of counters have nothing in common. 0: no file, or not known. WAL: iChange of the
// WAL-index header (https://www.sqlite.org/walformat.html#the_wal_index_header); otherwise the file change counter
// (https://www.sqlite.org/fileformat2.html#file_change_counter). Not known: also where a checkpoint behind its own commit, in the same
// statement, has found that others have committed since.
uint64_t rowtap_commit_counter(sqlite3* db);

// The number that a VACUUM leaves, taken when it has committed and no checkpoint of its own has followed yet. Between the two calls it is
// at its place.
typedef struct rowtap_vacuum_watch {
  int (*inner)(void*, sqlite3*, const char*, int);
  void* inner_arg;
  uint64_t counter;
} rowtap_vacuum_watch;
void rowtap_begin_vacuum_watch(sqlite3* db, rowtap_vacuum_watch* watch);
uint64_t rowtap_end_vacuum_watch(sqlite3* db, rowtap_vacuum_watch* watch);

// In the rollback hook: what became of main's part of a commit that SQLite gave up after its commit hook. It counts as given up, and main
// may hold it all the same: where several files are committed in WAL mode, main comes first and stays when a later one fails; and with a
// rollback journal the commit is made by doing away with the journal, behind which the file is still cut and unlocked.
// https://www.sqlite.org/lang_attach.html, https://www.sqlite.org/atomiccommit.html#_deleting_the_rollback_journal
enum rowtap_commit_outcome { ROWTAP_COMMIT_UNDONE, ROWTAP_COMMIT_DONE, ROWTAP_COMMIT_UNKNOWN };
int rowtap_failed_commit_outcome(sqlite3* db, uint64_t counter_before);
// Where that was not known: the same when the statement has ended. SQLite's error tells, or a read transaction does, which undoes what was
// left to be undone. Sets what the file counts now; 0: not known.
int rowtap_unknown_commit_outcome(sqlite3* db, uint64_t counter_before, uint64_t* counter);

// ---- rows

// Rows of one rowid table of main, read and written beside its statements: no statement runs, so nothing that the application can ask for
// changes by it (changes(), last_insert_rowid(), the conflict clauses, savepoints). Between a statement's steps or in the commit hook,
// which SQLite calls while main's transaction is still open (https://www.sqlite.org/c3ref/commit_hook.html). What is written is part of
// that transaction, and is not announced by the preupdate hook. They return SQLite's code.
//
// The table's root page; 0: there is none of that name. Where the schema in memory is not as the file has it (a ROLLBACK TO has undone a
// change of it), it is looked for in the file. Outside of a transaction what is in memory counts.
int rowtap_find_root(sqlite3* db, const char* table, uint32_t* root);
// Copies the first bytes of a row's record, `capacity` at most (none: `to` may be NULL), and tells its whole size. SQLITE_NOTFOUND: there
// is no such row.
int rowtap_read_row(sqlite3* db, uint32_t root, int64_t rowid, void* to, uint32_t capacity, uint32_t* size);
int rowtap_read_last_row(sqlite3* db, uint32_t root, int64_t* rowid, void* to, uint32_t capacity, uint32_t* size);
// Inside a write transaction. A row that is there already is replaced.
int rowtap_put_row(sqlite3* db, uint32_t root, int64_t rowid, const void* record, uint32_t size);
// Deleting what is not there is fine.
int rowtap_delete_row(sqlite3* db, uint32_t root, int64_t rowid);

// ---- content

// Copies the pages of an attached database to where `allocate` says, inside the transaction that is open or in one of its own. Unlike
// sqlite3_serialize it has what an open transaction has changed, and fails where a page can't be read, which would be zeros there. Nothing
// is allocated where there is no page yet; where NULL is, the code is SQLITE_NOMEM. Returns SQLite's code; sqlite3_errmsg has its words.
int rowtap_serialize(sqlite3* db, const char* schema, void* (*allocate)(void* arg, uint64_t size), void* arg);
// Makes a copy of `content` the content of main, of an in-memory database that nothing has used yet. Content of a file in WAL mode is read
// as of one that is not: memory has no log (https://www.sqlite.org/c3ref/deserialize.html). Returns SQLite's code.
int rowtap_deserialize(sqlite3* db, const void* content, int64_t size, int is_readonly);

#ifdef __cplusplus
}
#endif
