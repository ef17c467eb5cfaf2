#include "capture/self_check.h"

#include <cstring>
#include <vector>

#include "capture/log_entry.h"
#include "capture/record.h"
#include "sqlite/handles.h"
#include "sqlite/internals.h"

namespace rowtap::capture {

#ifdef SQLITE_ENABLE_PREUPDATE_HOOK

namespace {

bool IsEqual(const RecordField& field, sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      return field.kind == RecordField::Kind::kNull;
    case SQLITE_INTEGER:
      return field.kind == RecordField::Kind::kInteger && field.integer == sqlite3_value_int64(value);
    case SQLITE_FLOAT:
      // A REAL column stores a whole number as an integer.
      return (field.kind == RecordField::Kind::kReal && field.real == sqlite3_value_double(value)) ||
             (field.kind == RecordField::Kind::kInteger && static_cast<double>(field.integer) == sqlite3_value_double(value));
    default: {
      const bool is_text = sqlite3_value_type(value) == SQLITE_TEXT;
      const auto size = static_cast<size_t>(sqlite3_value_bytes(value));
      return field.kind == (is_text ? RecordField::Kind::kText : RecordField::Kind::kBlob) && field.bytes.size() == size &&
             (size == 0 || std::memcmp(field.bytes.data(), sqlite3_value_blob(value), size) == 0);
    }
  }
}

struct Check {
  sqlite3* db;
  std::string failure;
  int compared = 0;

  void Expect(bool is_right, const std::string& what) {
    if (!is_right && failure.empty()) failure = what;
  }

  void Run(const char* sql) {
    Expect(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK, std::string(sql) + ": " + sqlite3_errmsg(db));
  }

  void Compare(const rowtap_change& change, std::span<const uint8_t> record, int (*take)(sqlite3*, int, sqlite3_value**),
               const char* what) {
    std::vector<int> columns(static_cast<size_t>(rowtap_stored_columns(change.table, nullptr)));
    rowtap_stored_columns(change.table, columns.data());
    RecordFields fields(record);
    RecordField field{};
    for (const int column : columns) {
      // Shorter than the table: the capture goes on with the public functions.
      if (!fields.Next(field)) break;
      if (column == rowtap_rowid_column(change.table)) continue;
      sqlite3_value* value = nullptr;
      Expect(take(db, column, &value) == SQLITE_OK && value != nullptr && IsEqual(field, value), what);
      compared++;
    }
    Expect(fields.is_whole(), what);
  }

  void OnChange(int op) {
    rowtap_change change;
    rowtap_read_change(db, &change);
    rowtap_read_records(db, &change);
    Expect(change.database == 0 && change.depth == sqlite3_preupdate_depth(db), "the place of a change");
    Expect(sqlite3_stmt_busy(const_cast<sqlite3_stmt*>(change.statement)) != 0, "the statement of a change");
    if (!change.has_records) return;
    if (op != SQLITE_INSERT) {
      std::vector<uint8_t> before(change.before_size);
      Expect(rowtap_copy_before(&change, before.data()) == SQLITE_OK, "reading a record as it was");
      Compare(change, before, sqlite3_preupdate_old, "a record as it was");
    }
    if (op != SQLITE_DELETE) {
      std::vector<uint8_t> after(change.after, change.after + change.after_size);
      after.resize(after.size() + change.after_zeros);
      Compare(change, after, sqlite3_preupdate_new, op == SQLITE_INSERT ? "an inserted record" : "an updated record");
    }
  }

  // Runs one statement that fails, and says whether SQLite is thought to have undone it.
  bool IsUndone(const char* sql) {
    sqlite3_stmt* prepared = nullptr;
    sqlite3_prepare_v2(db, sql, -1, &prepared, nullptr);
    const sqlite::StatementHandle statement(prepared);
    Expect(sqlite3_step(prepared) != SQLITE_DONE, std::string(sql) + " should fail");
    return rowtap_failed_effect(prepared) == ROWTAP_EFFECT_UNDONE;
  }

  int KindOf(const char* sql) {
    sqlite3_stmt* prepared = nullptr;
    sqlite3_prepare_v2(db, sql, -1, &prepared, nullptr);
    const sqlite::StatementHandle statement(prepared);
    return prepared == nullptr ? -1 : rowtap_statement_kind(prepared);
  }
};

void CheckRecords(Check& check) {
  check.Run("CREATE TABLE a(x INTEGER PRIMARY KEY, r REAL, t TEXT, b, v AS (x + 1) VIRTUAL, s AS (r * 2) STORED, i UNIQUE)");
  check.Run("CREATE TABLE w(t TEXT, p, q REAL, PRIMARY KEY(q DESC, p)) WITHOUT ROWID");
  check.Run("CREATE TABLE log(n)");
  check.Run("CREATE TRIGGER tr AFTER UPDATE ON a BEGIN INSERT INTO log VALUES (old.x); UPDATE log SET n = n + 1 WHERE n = old.x; END");
  check.Run(
      "INSERT INTO a(x, r, t, b, i) VALUES (1, 5, 'one', x'00ff', 1), (-2, 2.5, NULL, zeroblob(9), 2), (9e15, 1e300, hex(zeroblob(9000)), "
      "0, 3)");
  check.Run("UPDATE a SET r = 7, t = t || 'é' WHERE x = 1");
  check.Run("UPDATE a SET x = x + 10, b = 1 << 40");
  check.Run("INSERT INTO a(x, r, i) VALUES (11, 1, 9) ON CONFLICT(x) DO UPDATE SET r = excluded.r, i = 77 WHERE true");
  check.Run("REPLACE INTO a(x, i) VALUES (50, 2)");
  check.Run("INSERT INTO w VALUES ('t', 1, 2), ('u', 'p', 3)");
  check.Run("UPDATE w SET q = 9 WHERE p = 1");
  check.Run("ALTER TABLE log ADD COLUMN d DEFAULT 4");
  check.Run("UPDATE log SET n = 0");
  check.Run("DELETE FROM a; DELETE FROM w; DELETE FROM log");
  check.Expect(check.compared > 80, "the preupdate hook was not called for every change");
}

void CheckStatements(Check& check) {
  check.Run("CREATE TABLE u(n UNIQUE, CHECK (n < 100)); INSERT INTO u VALUES (5); BEGIN");
  check.Expect(check.IsUndone("INSERT INTO u VALUES (1), (5)"), "an aborted statement");
  check.Expect(!check.IsUndone("INSERT OR FAIL INTO u VALUES (1), (5)"), "a statement that failed with FAIL");
  check.Expect(rowtap_transaction_state(check.db) == SQLITE_TXN_WRITE, "an open transaction");
  check.Run("SAVEPOINT one; SAVEPOINT two");
  check.Expect(rowtap_savepoint_depth(check.db) == 2, "the depth of savepoints");
  check.Expect(check.KindOf("ROLLBACK TO one") == ROWTAP_STATEMENT_ROLLBACK_TO, "ROLLBACK TO");
  check.Expect(check.KindOf("RELEASE one") == ROWTAP_STATEMENT_OTHER, "RELEASE");
  check.Run("COMMIT; SAVEPOINT one");
  check.Expect(rowtap_savepoint_depth(check.db) == 1, "the savepoint that begins a transaction");
  check.Expect(rowtap_can_undo(check.db) != 0, "a journal");
  check.Run("RELEASE one; PRAGMA journal_mode = OFF");
  check.Expect(rowtap_can_undo(check.db) == 0, "no journal");
  check.Run("PRAGMA journal_mode = MEMORY");
  check.Expect(rowtap_transaction_state(check.db) == SQLITE_TXN_NONE, "no open transaction");
  check.Expect(check.KindOf("SELECT * FROM u") == ROWTAP_STATEMENT_READ, "SELECT");
  for (const char* sql : {"INSERT INTO u VALUES (1)", "UPDATE u SET n = 1", "DELETE FROM u", "INSERT INTO u VALUES (2) RETURNING n"}) {
    check.Expect(check.KindOf(sql) == ROWTAP_STATEMENT_WRITE, sql);
  }
  for (const char* sql : {"CREATE TABLE c(x)", "CREATE TABLE c AS SELECT 1 AS x", "DROP TABLE u", "ALTER TABLE u ADD COLUMN m",
                          "ALTER TABLE u RENAME TO v", "ALTER TABLE u RENAME COLUMN n TO m"}) {
    check.Expect(check.KindOf(sql) == ROWTAP_STATEMENT_SCHEMA, sql);
  }
  check.Run("CREATE TABLE child(n REFERENCES u(n) DEFERRABLE INITIALLY DEFERRED); PRAGMA foreign_keys = ON");
  check.Expect(check.KindOf("DROP TABLE child") == ROWTAP_STATEMENT_SCHEMA, "DROP TABLE with foreign keys");
  check.Expect(check.KindOf("PRAGMA schema_version = 7") == ROWTAP_STATEMENT_OTHER, "PRAGMA schema_version");
}

void CheckSchemaTable(Check& check) {
  check.Expect(rowtap_is_schema_table(rowtap_find_table(check.db, "sqlite_schema")) != 0, "sqlite_schema");
  check.Expect(rowtap_is_schema_table(rowtap_find_table(check.db, "u")) == 0, "a table that is not sqlite_schema");
}

// A row that is put there in the commit hook is one that SQL reads, and is not announced.
void CheckRowsBesideStatements(Check& check) {
  struct Writer {
    sqlite3* db;
    int code = SQLITE_OK;
    int64_t last = 0;
  } writer{check.db};
  check.Run("CREATE TABLE beside(id INTEGER PRIMARY KEY, time, entry); CREATE TABLE plain(x)");
  sqlite3_commit_hook(
      check.db,
      [](void* given) {
        auto* self = static_cast<Writer*>(given);
        uint32_t root = 0;
        uint32_t size = 0;
        uint8_t row[kMaxRecordHead + 6000] = {};
        self->code = rowtap_find_root(self->db, "beside", &root);
        for (int64_t id = 7; id <= 9 && self->code == SQLITE_OK; id++) {
          const size_t head = PutRecordHead(row + kMaxRecordHead, -5, 6000);
          self->code = rowtap_put_row(self->db, root, id, row + kMaxRecordHead - head, static_cast<uint32_t>(head + 6000));
        }
        if (self->code == SQLITE_OK) self->code = rowtap_delete_row(self->db, root, 8);
        if (self->code == SQLITE_OK) self->code = rowtap_read_last_row(self->db, root, &self->last, row, sizeof row, &size);
        return 0;
      },
      &writer);
  const int compared = check.compared;
  // Undoing it has made SQLite forget the schema.
  check.Run("BEGIN; INSERT INTO plain VALUES (1); SAVEPOINT one; CREATE TABLE undone(x); ROLLBACK TO one; COMMIT");
  sqlite3_commit_hook(check.db, nullptr, nullptr);
  check.Expect(check.compared == compared + 1 && writer.code == SQLITE_OK && writer.last == 9 && sqlite3_last_insert_rowid(check.db) == 1,
               "rows written beside statements");
  check.Run(
      "CREATE TABLE expected(is_right CHECK (is_right)); INSERT INTO expected SELECT count(*) = 2 AND min(id) = 7 AND max(id) = 9 AND "
      "min(time) = -5 AND min(length(entry)) = 6000 AND min(entry = zeroblob(6000)) FROM beside");
}

}  // namespace

std::string SelfCheck() noexcept {
  try {
    sqlite3* opened = nullptr;
    if (sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY, nullptr) != SQLITE_OK) {
      sqlite3_close_v2(opened);
      return "an in-memory database could not be opened";
    }
    const sqlite::ConnectionHandle db(opened);
    Check check{opened, {}, 0};
    sqlite3_preupdate_hook(
        opened,
        [](void* self, sqlite3*, int op, const char*, const char*, sqlite3_int64, sqlite3_int64) {
          static_cast<Check*>(self)->OnChange(op);
        },
        &check);
    CheckRecords(check);
    CheckStatements(check);
    CheckSchemaTable(check);
    CheckRowsBesideStatements(check);
    return check.failure;
  } catch (...) {
    return "out of memory";
  }
}

#else

std::string SelfCheck() noexcept {
  return {};
}

#endif

}  // namespace rowtap::capture
