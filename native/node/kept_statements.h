// The statements that begin and end transactions, as `exec` is given them again and again.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "sqlite/handles.h"
#include "sqlite3.h"

namespace rowtap::node {

// Of one connection, to be emptied before that is closed. Only these statements are kept: others are seldom the same twice, and a PRAGMA
// may do its work when it is prepared, so that to run it again would not do it again.
class KeptStatements {
 public:
  // Whether `sql` is such a statement, and short.
  static bool Keeps(std::string_view sql) {
    constexpr std::string_view kBeginnings[] = {"begin", "commit", "end", "rollback", "savepoint", "release"};
    if (sql.size() > kLongest) return false;
    for (const std::string_view beginning : kBeginnings) {
      if (sql.size() >= beginning.size() && sqlite3_strnicmp(sql.data(), beginning.data(), static_cast<int>(beginning.size())) == 0)
        return true;
    }
    return false;
  }

  // The statement, or null. It belongs to the caller, so that nobody runs it a second time meanwhile.
  sqlite::StatementHandle Take(std::string_view sql) {
    for (Kept& kept : kept_) {
      if (kept.statement != nullptr && kept.sql() == sql) return std::move(kept.statement);
    }
    return nullptr;
  }

  // One that `Keeps`, and that is not being run, for the next time, in place of the one that was kept first.
  void Keep(std::string_view sql, sqlite::StatementHandle statement) noexcept {
    Kept* place = nullptr;
    for (Kept& kept : kept_) {
      if (kept.statement == nullptr) place = &kept;
    }
    if (place == nullptr) {
      place = &kept_[next_];
      next_ = (next_ + 1) % kept_.size();
    }
    sql.copy(place->text, kLongest);
    place->length = sql.size();
    place->statement = std::move(statement);
  }

  void Clear() noexcept {
    for (Kept& kept : kept_) kept.statement.reset();
  }

 private:
  static constexpr size_t kLongest = 60;

  struct Kept {
    std::string_view sql() const { return {text, length}; }

    char text[kLongest];
    size_t length = 0;
    sqlite::StatementHandle statement;
  };

  std::array<Kept, 4> kept_;
  size_t next_ = 0;
};

}  // namespace rowtap::node
