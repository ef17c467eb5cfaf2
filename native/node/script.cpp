#include "node/script.h"

#include <utility>

#include "capture/execution.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/kept_statements.h"
#include "node/text.h"
#include "sqlite/handles.h"

namespace rowtap::node {

namespace {

// One of its statements. Returns what RunScript does.
int RunStatement(Connection& connection, sqlite3_stmt* statement, napi_value logger, std::string* message) {
  napi_env env = connection.environment().env();
  if (logger != nullptr) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return -1;
    napi_value text = ExpandedSql(env, statement);
    napi_value undefined;
    napi_get_undefined(env, &undefined);
    const bool has_returned = text != nullptr && napi_call_function(env, undefined, logger, 1, &text, nullptr) == napi_ok;
    napi_close_handle_scope(env, scope);
    if (!has_returned) return -1;
  }
  capture::Execution execution(connection.borrowed_capture(), statement);
  int code;
  do code = execution.Step();
  while (code == SQLITE_ROW);
  if (code == SQLITE_DONE) {
    code = execution.Reset();
    if (code == SQLITE_OK) return IsExceptionPending(env) ? -1 : SQLITE_OK;
  }
  *message = execution.message();
  execution.Reset();
  return code;
}

}  // namespace

int RunScript(Connection& connection, const std::string& sql, napi_value logger, std::string* message) {
  const Connection::Busy busy(connection);
  sqlite3* const db = connection.borrowed_db();
  const bool is_kept = KeptStatements::Keeps(sql);
  if (is_kept) {
    if (sqlite::StatementHandle kept = connection.kept_statements().Take(sql); kept != nullptr) {
      const int code = RunStatement(connection, kept.get(), logger, message);
      connection.kept_statements().Keep(sql, std::move(kept));
      return code;
    }
  }
  // Like every C program, it ends at a NUL.
  const char* rest = sql.c_str();
  for (;;) {
    // Not for SQLite, which skips it too, but for the logger.
    while (IsBetweenStatements(*rest)) rest++;
    if (*rest == '\0') return SQLITE_OK;
    const char* const begin = rest;
    sqlite3_stmt* prepared = nullptr;
    int code = sqlite3_prepare_v2(db, rest, -1, &prepared, &rest);
    sqlite::StatementHandle statement(prepared);
    if (code != SQLITE_OK) {
      *message = sqlite3_errmsg(db);
      return code;
    }
    if (statement == nullptr) continue;  // a comment
    code = RunStatement(connection, statement.get(), logger, message);
    if (is_kept && begin == sql.c_str() && rest == begin + sql.size()) connection.kept_statements().Keep(sql, std::move(statement));
    if (code != SQLITE_OK) return code;
  }
}

}  // namespace rowtap::node
