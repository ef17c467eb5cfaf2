#include "capture/table_scan.h"

#include <new>
#include <vector>

#include "sqlite/internals.h"

namespace rowtap::capture {

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

int TableScan::Open(sqlite3* db, Hub& hub, const std::string& table) {
  // Preparing anything that names the table loads the schema as the open transaction sees it.
  const std::string quoted = "main." + QuoteIdentifier(table);
  const auto prepare = [&](const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(db, sql.c_str(), static_cast<int>(sql.size() + 1), &statement, nullptr);
    statement_.reset(statement);
    return code;
  };
  if (const int code = prepare("SELECT 1 FROM " + quoted); code != SQLITE_OK) return code;
  const void* shape = rowtap_find_table(db, table.c_str());
  if (shape == nullptr || !rowtap_is_user_table(shape)) return SQLITE_NOTFOUND;
  const std::unique_ptr<char, void (*)(void*)> description(rowtap_describe_table(shape), sqlite3_free);
  if (description == nullptr) throw std::bad_alloc();
  table_id_ = hub.Intern(description.get());

  std::vector<int> columns(static_cast<size_t>(rowtap_stored_columns(shape, nullptr)));
  rowtap_stored_columns(shape, columns.data());
  const int rowid_column = rowtap_rowid_column(shape);
  columns_ = static_cast<int>(columns.size());
  std::string sql = "SELECT ";
  for (int position = 0; position < columns_; position++) {
    const int column = columns[static_cast<size_t>(position)];
    if (column == rowid_column) rowid_position_ = position;
    if (position > 0) sql += ", ";
    sql += QuoteIdentifier(rowtap_column_name(shape, column));
  }
  // An index could hold all columns as well, but is no cheaper to read whole.
  return prepare(sql + " FROM " + quoted + " NOT INDEXED");
}

int TableScan::Next() {
  if (statement_ == nullptr) return SQLITE_DONE;
  sqlite3_stmt* const statement = statement_.get();
  const int code = sqlite3_step(statement);
  if (code != SQLITE_ROW) return code;
  writer_.Clear();
  for (int i = 0; i < columns_; i++) {
    if (i == rowid_position_) {
      rowid_ = sqlite3_column_int64(statement, i);
      writer_.AddNull();
    } else {
      writer_.AddValue(sqlite3_column_value(statement, i));
    }
  }
  record_ = writer_.Finish();
  return SQLITE_ROW;
}

}  // namespace rowtap::capture
