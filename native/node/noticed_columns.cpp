#include "node/noticed_columns.h"

#include <utility>

namespace rowtap::node {

namespace {

// Of each column what `name_of` says, a NUL between two.
std::string JoinedNames(sqlite3_stmt* statement, const char* (*name_of)(sqlite3_stmt*, int)) {
  std::string names;
  const int count = sqlite3_column_count(statement);
  for (int at = 0; at < count; at++) {
    if (at > 0) names.push_back('\0');
    const char* name = name_of(statement, at);
    if (name != nullptr) names.append(name);
  }
  return names;
}

}  // namespace

void NoticedColumns::Compare(sqlite3_stmt* statement) {
  // SQLite compiles a statement anew for other reasons as well, some of them at every run.
  std::string names = JoinedNames(statement, sqlite3_column_name);
  std::string tables = has_tables_ ? JoinedNames(statement, sqlite3_column_table_name) : tables_;
  if (generation_ > 0 && names == names_ && tables == tables_) return;
  names_ = std::move(names);
  tables_ = std::move(tables);
  generation_++;
}

}  // namespace rowtap::node
