// One prepared statement, as lib/writer/statement.ts holds it.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "capture/execution.h"
#include "node/bind.h"
#include "node/connection.h"
#include "node/environment.h"
#include "node/noticed_columns.h"
#include "sqlite/handles.h"

namespace rowtap::node {

class Arguments;

// JavaScript has an object that stands for its life, and names it in calls by its id in the environment.
//
// The life of a run: `run`, `get` and `pluck` are one call each. `all` begins one and returns its first page of rows, `open` begins one and
// returns nothing; `more` goes on until the page says that it is done, or `end` ends it early. A statement is in one run at a time.
//
// Which calls are allowed when, what a connection that is busy refuses, and how rows look is decided in TypeScript; here only what would
// otherwise crash is refused.
class Statement final : public ConnectionChild {
 public:
  // The functions that take a statement's id.
  static bool Init(napi_env env, napi_value exports, WriterEnvironment& environment);
  // Returns the JavaScript object, and fills the header of the result page with what the statement is like. Throws and returns null where
  // the SQL is wrong, or is not exactly one statement.
  static napi_value Prepare(Connection& connection, const std::string& sql, bool is_persistent);

  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void OnConnectionClose() noexcept override;
  // Nobody can use it any more.
  bool IsCollected() const noexcept;

 private:
  Statement(Connection& connection, sqlite::StatementHandle handle);

  // The statement that the first argument names. Throws a TypeError and returns null where it names none.
  static Statement* NamedOrClosed(napi_env env, const Arguments& arguments);
  // As NamedOrClosed, and throws for one that has been finalized.
  static Statement* Named(napi_env env, const Arguments& arguments);
  // As Named, and throws for one that is in a run.
  static Statement* NamedIdle(napi_env env, const Arguments& arguments);

  static napi_value Run(napi_env env, napi_callback_info info);
  static napi_value Get(napi_env env, napi_callback_info info);
  static napi_value Pluck(napi_env env, napi_callback_info info);
  static napi_value All(napi_env env, napi_callback_info info);
  static napi_value Open(napi_env env, napi_callback_info info);
  static napi_value More(napi_env env, napi_callback_info info);
  static napi_value End(napi_env env, napi_callback_info info);
  static napi_value Bind(napi_env env, napi_callback_info info);
  static napi_value ClearBindings(napi_env env, napi_callback_info info);
  static napi_value Configure(napi_env env, napi_callback_info info);
  static napi_value Columns(napi_env env, napi_callback_info info);
  static napi_value ColumnNames(napi_env env, napi_callback_info info);
  static napi_value ParameterNames(napi_env env, napi_callback_info info);
  static napi_value BoundSql(napi_env env, napi_callback_info info);
  static napi_value FinalizeFunction(napi_env env, napi_callback_info info);

  // As NamedOrClosed, and throws where the connection is running a query: the call comes from a user-defined function, and may be about the
  // statement that has called it.
  static Statement* NamedUnlessRunning(napi_env env, const Arguments& arguments);

  // Of values that are not looked at after this call.
  ParameterBinder::Lifetime LifetimeInThisCall() const;
  // Binds the arguments after the first one, unless `bind` has. False where it threw.
  bool BindArguments(const Arguments& arguments, ParameterBinder& binder);
  using Span = capture::Execution::Span;
  void BeginRun(Span span);
  void ClearValues() noexcept;
  // Ends the run and forgets what was bound for it. Returns SQLITE_OK, or what ending it brought to light, with SQLite's words in
  // `message`.
  int EndRun(std::string* message) noexcept;
  // Ends a run whose step returned `code`, an error; its words are in `message` afterwards.
  int FailRun(int code, std::string* message) noexcept;
  // For a run of one step: the first row, if any, goes to `take`, then the run ends. Throws and returns false where it fails.
  template <typename Take>
  bool RunForFirstRow(napi_env env, const Take& take);
  // One page of at most `max_rows` rows. An error that comes after rows waits until these have been taken: see failure_.
  napi_value Fetch(napi_env env, int max_rows);
  napi_value ThrowFailure(napi_env env, int code, const std::string& message);
  int ColumnsToRead() const;
  void Release() noexcept;

  const std::shared_ptr<WriterEnvironment> environment_;
  napi_ref object_ = nullptr;        // weak
  Connection* borrowed_connection_;  // null when closed
  sqlite::StatementHandle handle_;
  std::optional<capture::Execution> run_;
  bool has_failed_ = false;
  int failure_ = SQLITE_OK;
  std::string failure_message_;
  bool is_bound_ = false;          // by `bind`: the values stay for later runs
  bool is_to_be_cleared_ = false;  // values that were bound for one run: every parameter is bound anew for the next, but some hold memory
  bool is_big_int_ = false;
  bool is_first_column_only_ = false;
  const int parameter_count_;
  NoticedColumns columns_;
};

}  // namespace rowtap::node
