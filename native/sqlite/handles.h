// Owning handles: what is closed, and by what, stands in the type.
#pragma once

#include <memory>

#include "sqlite3.h"

namespace rowtap::sqlite {

// sqlite3_close_v2 never fails and waits for statements that are still held (https://www.sqlite.org/c3ref/close.html).
struct ConnectionCloser {
  void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
};
using ConnectionHandle = std::unique_ptr<sqlite3, ConnectionCloser>;

struct StatementFinalizer {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, StatementFinalizer>;

}  // namespace rowtap::sqlite
