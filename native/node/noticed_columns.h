// The names of a statement's columns, as the rows that JavaScript is given have them.
#pragma once

#include <string>

#include "sqlite3.h"

namespace rowtap::node {

// SQLite compiles a statement anew where the schema has changed, and its columns may be others then. JavaScript makes what reads the rows
// from the names, and makes it again where the generation that stands beside the rows is another one.
class NoticedColumns {
 public:
  // Whether the tables that the columns come from count as well.
  void IncludeTables(bool has_tables) noexcept {
    has_tables_ = has_tables;
    seen_preparations_ = kNone;
  }

  // Counts the generation up if the names are not what they were; to be called with a row at hand, before it is read.
  void Notice(sqlite3_stmt* statement) {
    const int preparations = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_REPREPARE, 0);
    if (preparations == seen_preparations_) return;
    seen_preparations_ = preparations;
    Compare(statement);
  }

  // 0: nothing has been noticed yet.
  int generation() const { return generation_; }
  // When last noticed, a NUL between two.
  const std::string& names() const { return names_; }

 private:
  static constexpr int kNone = -1;

  void Compare(sqlite3_stmt* statement);

  bool has_tables_ = false;
  int seen_preparations_ = kNone;
  int generation_ = 0;
  std::string names_;
  std::string tables_;  // likewise; as long as has_tables_
};

}  // namespace rowtap::node
