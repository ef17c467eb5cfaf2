#include "capture/schema_change.h"

#include <new>
#include <stdexcept>

#include "capture/table_scan.h"
#include "sqlite/handles.h"
#include "sqlite/internals.h"

namespace rowtap::capture {

namespace {

struct ReadFailed : std::exception {};

}  // namespace

int SchemaChange::Before() noexcept {
  try {
    before_ = ReadTables();
    has_before_ = true;
    return SQLITE_OK;
  } catch (const std::exception&) {
    return Lose();
  }
}

int SchemaChange::Lose() noexcept {
  // The write lock was taken before the first look.
  if (rowtap_transaction_state(borrowed_db_) == SQLITE_TXN_WRITE) {
    borrowed_capture_.Lose();
    return SQLITE_OK;
  }
  const int code = sqlite3_extended_errcode(borrowed_db_);
  return code == SQLITE_OK ? SQLITE_ABORT_ROLLBACK : code;
}

int SchemaChange::After() noexcept {
  // SQLite compiles a statement anew where another connection has changed the schema, and first undoes what it has begun. Where that fails
  // it rolls back the whole transaction, and the statement then commits by itself: what it did has no place in a transaction to be told.
  if (rowtap_transaction_state(borrowed_db_) != SQLITE_TXN_WRITE) {
    borrowed_capture_.Lose();
    return SQLITE_OK;
  }
  if (!has_before_) return SQLITE_OK;
  try {
    const Tables after = ReadTables();
    for (const auto& [table, sql] : before_) {
      if (!after.contains(table)) borrowed_capture_.AppendSchemaEvent("drop", table, nullptr, 0);
    }
    for (const auto& [table, sql] : after) {
      const auto known = before_.find(table);
      if (known == before_.end()) {
        AppendCreated(table, sql);
      } else if (known->second != sql) {
        TableScan scan;
        if (scan.Open(borrowed_db_, borrowed_capture_.hub(), table) != SQLITE_OK) throw ReadFailed();
        borrowed_capture_.AppendSchemaEvent("alter", table, &sql, scan.table_id());
      }
    }
    return SQLITE_OK;
  } catch (const std::exception&) {
    return Lose();
  }
}

void SchemaChange::AppendCreated(const std::string& table, const std::string& sql) {
  TableScan scan;
  if (scan.Open(borrowed_db_, borrowed_capture_.hub(), table) != SQLITE_OK) throw ReadFailed();
  borrowed_capture_.AppendSchemaEvent("create", table, &sql, scan.table_id());
  int code;
  while ((code = scan.Next()) == SQLITE_ROW) borrowed_capture_.AppendInsert(scan.table_id(), scan.rowid(), scan.record());
  if (code != SQLITE_DONE) throw ReadFailed();
}

SchemaChange::Tables SchemaChange::ReadTables() {
  sqlite3_stmt* prepared = nullptr;
  const int prepare_code =
      sqlite3_prepare_v2(borrowed_db_, "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table'", -1, &prepared, nullptr);
  const sqlite::StatementHandle statement(prepared);
  if (prepare_code != SQLITE_OK) throw ReadFailed();
  Tables tables;
  int code;
  while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
    const auto* name = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
    const auto* sql = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 1));
    if (name == nullptr || sql == nullptr) continue;
    const void* table = rowtap_find_table(borrowed_db_, name);
    if (table != nullptr && rowtap_is_user_table(table)) tables.emplace(name, sql);
  }
  if (code != SQLITE_DONE) throw ReadFailed();
  return tables;
}

}  // namespace rowtap::capture
