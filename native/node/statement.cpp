#include "node/statement.h"

#include <limits>
#include <utility>

#include "node/arguments.h"
#include "node/errors.h"
#include "node/text.h"
#include "node/values.h"

namespace rowtap::node {

namespace {

// Is there nothing but white space, semicolons and comments?
bool IsBlank(const char* sql) {
  while (*sql != '\0') {
    if (IsBetweenStatements(*sql)) {
      sql++;
    } else if (sql[0] == '-' && sql[1] == '-') {
      while (*sql != '\0' && *sql != '\n') sql++;
    } else if (sql[0] == '/' && sql[1] == '*') {
      sql += 2;
      while (*sql != '\0' && !(sql[0] == '*' && sql[1] == '/')) sql++;
      if (*sql != '\0') sql += 2;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

bool Statement::Init(napi_env env, napi_value exports, WriterEnvironment& environment) {
  const auto function = [&environment](const char* name, napi_callback callback) {
    return napi_property_descriptor{name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, &environment};
  };
  const napi_property_descriptor functions[] = {
      function("run", Run),
      function("get", Get),
      function("pluck", Pluck),
      function("all", All),
      function("open", Open),
      function("more", More),
      function("end", End),
      function("bind", Bind),
      function("clearBindings", ClearBindings),
      function("configure", Configure),
      function("columns", Columns),
      function("columnNames", ColumnNames),
      function("parameterNames", ParameterNames),
      function("boundSql", BoundSql),
      function("finalize", FinalizeFunction),
  };
  napi_value statements;
  return napi_create_object(env, &statements) == napi_ok &&
         napi_define_properties(env, statements, std::size(functions), functions) == napi_ok &&
         napi_set_named_property(env, exports, "statements", statements) == napi_ok;
}

Statement::Statement(Connection& connection, sqlite::StatementHandle handle)
    : environment_(connection.environment().shared_from_this()),
      borrowed_connection_(&connection),
      handle_(std::move(handle)),
      parameter_count_(sqlite3_bind_parameter_count(handle_.get())) {
  connection.AddChild(this);
}

Statement::~Statement() {
  Release();
  if (object_ != nullptr) napi_delete_reference(environment_->env(), object_);
}

void Statement::Release() noexcept {
  if (borrowed_connection_ != nullptr) borrowed_connection_->RemoveChild(this);
  OnConnectionClose();
}

void Statement::OnConnectionClose() noexcept {
  run_.reset();
  handle_.reset();
  borrowed_connection_ = nullptr;
}

napi_value Statement::Prepare(Connection& connection, const std::string& sql, bool is_persistent) {
  WriterEnvironment& environment = connection.environment();
  napi_env env = environment.env();
  if (sql.size() >= static_cast<size_t>(std::numeric_limits<int>::max())) {
    napi_throw_range_error(env, nullptr, "The SQL is too long");
    return nullptr;
  }
  sqlite3_stmt* prepared = nullptr;
  const char* rest = nullptr;
  // Compiling may call user-defined functions, to estimate by their values, and connects virtual tables.
  const Connection::Busy busy(connection);
  // With the NUL counted in, SQLite need not copy the text.
  const int code = sqlite3_prepare_v3(connection.borrowed_db(), sql.c_str(), static_cast<int>(sql.size()) + 1,
                                      is_persistent ? SQLITE_PREPARE_PERSISTENT : 0, &prepared, &rest);
  sqlite::StatementHandle handle(prepared);
  if (code != SQLITE_OK) {
    ThrowSqliteError(environment, sqlite3_errmsg(connection.borrowed_db()), code);
    return nullptr;
  }
  if (handle == nullptr) {
    napi_throw_range_error(env, nullptr, "The SQL contains no statement");
    return nullptr;
  }
  if (!IsBlank(rest)) {
    napi_throw_range_error(env, nullptr, "The SQL contains more than one statement: prepare() takes one, exec() takes many");
    return nullptr;
  }
  ResultHeader& header = environment.page().header();
  header.column_count = sqlite3_column_count(prepared);
  header.is_readonly = sqlite3_stmt_readonly(prepared) != 0;
  header.parameter_count = sqlite3_bind_parameter_count(prepared);
  header.has_named_parameters = 0;
  for (int index = 1; index <= header.parameter_count; index++) {
    if (sqlite3_bind_parameter_name(prepared, index) == nullptr) continue;
    header.has_named_parameters = 1;
    break;
  }
  std::unique_ptr<Statement> statement(new Statement(connection, std::move(handle)));
  napi_value object;
  if (napi_create_object(env, &object) != napi_ok || napi_create_reference(env, object, 0, &statement->object_) != napi_ok) {
    ThrowUnlessPending(env, "Out of memory");
    return nullptr;
  }
  header.statement = environment.AddStatement(std::move(statement));
  if (header.statement != 0) return object;
  napi_throw_range_error(env, nullptr, "Too many statements are prepared: keep those that are used again, and let go of the others");
  return nullptr;
}

bool Statement::IsCollected() const noexcept {
  // In a run: an engine may collect the object of a method that has been called, and does not look at it again.
  if (run_.has_value()) return false;
  napi_value object = nullptr;
  return napi_get_reference_value(environment_->env(), object_, &object) == napi_ok && object == nullptr;
}

Statement* Statement::NamedOrClosed(napi_env env, const Arguments& arguments) {
  uint32_t id = 0;
  if (arguments.count() > 0 && napi_get_value_uint32(env, arguments[0], &id) == napi_ok) {
    Statement* statement = static_cast<WriterEnvironment*>(arguments.data())->FindStatement(id);
    if (statement != nullptr) return statement;
  }
  napi_throw_type_error(env, nullptr, "Expected the id of a statement");
  return nullptr;
}

Statement* Statement::Named(napi_env env, const Arguments& arguments) {
  Statement* self = NamedOrClosed(env, arguments);
  if (self == nullptr || self->handle_ != nullptr) return self;
  napi_throw_type_error(env, nullptr, "The statement has been finalized, or its database connection closed");
  return nullptr;
}

Statement* Statement::NamedIdle(napi_env env, const Arguments& arguments) {
  Statement* self = Named(env, arguments);
  if (self == nullptr || (!self->run_.has_value() && !self->has_failed_)) return self;
  napi_throw_type_error(env, nullptr, "The statement is running a query");
  return nullptr;
}

Statement* Statement::NamedUnlessRunning(napi_env env, const Arguments& arguments) {
  Statement* self = NamedOrClosed(env, arguments);
  if (self == nullptr || self->borrowed_connection_ == nullptr || !self->borrowed_connection_->is_running()) return self;
  napi_throw_type_error(env, nullptr, "The database connection is running a query");
  return nullptr;
}

ParameterBinder::Lifetime Statement::LifetimeInThisCall() const {
  return borrowed_connection_->may_call_javascript() ? ParameterBinder::Lifetime::kThisCall : ParameterBinder::Lifetime::kThisCallAlone;
}

bool Statement::BindArguments(const Arguments& arguments, ParameterBinder& binder) {
  if (is_bound_) return true;
  if (!binder.Bind(arguments.values() + 1, arguments.count() - 1)) return false;
  is_to_be_cleared_ = binder.holds_memory();
  return true;
}

void Statement::BeginRun(Span span) {
  run_.emplace(borrowed_connection_->borrowed_capture(), handle_.get(), span);
}

void Statement::ClearValues() noexcept {
  sqlite3_clear_bindings(handle_.get());
  is_to_be_cleared_ = false;
}

int Statement::EndRun(std::string* message) noexcept {
  const int code = run_->Reset();
  if (code != SQLITE_OK && message != nullptr) *message = run_->message();
  run_.reset();
  if (is_to_be_cleared_) ClearValues();
  return code;
}

int Statement::FailRun(int code, std::string* message) noexcept {
  *message = run_->message();
  EndRun(nullptr);
  return code;
}

napi_value Statement::ThrowFailure(napi_env env, int code, const std::string& message) {
  environment_->FlushWake();
  ThrowSqliteError(*environment_, message, code);
  return nullptr;
}

napi_value Statement::Run(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedIdle(env, arguments);
  if (self == nullptr) return nullptr;
  ParameterBinder binder(*self->environment_, self->handle_.get(), self->LifetimeInThisCall());
  if (!self->BindArguments(arguments, binder)) return nullptr;

  sqlite3* db = self->borrowed_connection_->borrowed_db();
  const Connection::Busy busy(*self->borrowed_connection_);
  const int64_t total_before = sqlite3_total_changes64(db);
  std::string message;
  self->BeginRun(Span::kOneCall);
  int code = self->run_->Step();
  code = code == SQLITE_ROW || code == SQLITE_DONE ? self->EndRun(&message) : self->FailRun(code, &message);
  if (code != SQLITE_OK) return self->ThrowFailure(env, code, message);

  ResultHeader& header = self->environment_->page().header();
  header.changes = sqlite3_total_changes64(db) == total_before ? 0 : static_cast<double>(sqlite3_changes64(db));
  header.last_insert_rowid_exact = sqlite3_last_insert_rowid(db);
  header.last_insert_rowid = static_cast<double>(header.last_insert_rowid_exact);
  self->environment_->FlushWake();
  return nullptr;
}

template <typename Take>
bool Statement::RunForFirstRow(napi_env env, const Take& take) {
  const Connection::Busy busy(*borrowed_connection_);
  std::string message;
  BeginRun(Span::kOneCall);
  int code = run_->Step();
  bool is_taken = true;
  if (code == SQLITE_ROW) {
    is_taken = take();
    code = EndRun(&message);
  } else {
    code = code == SQLITE_DONE ? EndRun(&message) : FailRun(code, &message);
  }
  if (code != SQLITE_OK) ThrowFailure(env, code, message);
  if (!is_taken || code != SQLITE_OK) return false;
  environment_->FlushWake();
  return true;
}

napi_value Statement::Get(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedIdle(env, arguments);
  if (self == nullptr) return nullptr;
  ParameterBinder binder(*self->environment_, self->handle_.get(), self->LifetimeInThisCall());
  if (!self->BindArguments(arguments, binder)) return nullptr;

  std::unique_ptr<RowStaging> staging;
  int columns = 0;
  const bool has_run = self->RunForFirstRow(env, [&] {
    staging = self->environment_->TakeStaging();
    self->columns_.Notice(self->handle_.get());
    columns = self->ColumnsToRead();
    return staging->AddRow(env, self->handle_.get(), columns, self->is_big_int_);
  });
  ResultPage& page = self->environment_->page();
  if (staging == nullptr) {
    page.header().rows = 0;
    return nullptr;
  }
  napi_value result = nullptr;
  if (has_run) {
    page.header().is_done = 1;
    page.header().generation = self->columns_.generation();
    result = page.Deliver(env, *staging, columns);
  }
  self->environment_->ReturnStaging(std::move(staging));
  return result;
}

napi_value Statement::Pluck(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedIdle(env, arguments);
  if (self == nullptr) return nullptr;
  ParameterBinder binder(*self->environment_, self->handle_.get(), self->LifetimeInThisCall());
  if (!self->BindArguments(arguments, binder)) return nullptr;

  napi_value value = nullptr;
  const bool has_run = self->RunForFirstRow(env, [&] {
    value = ColumnValue(env, self->handle_.get(), 0, self->is_big_int_);
    return value != nullptr;
  });
  return has_run ? value : nullptr;
}

napi_value Statement::All(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedIdle(env, arguments);
  if (self == nullptr) return nullptr;
  ParameterBinder binder(*self->environment_, self->handle_.get(), ParameterBinder::Lifetime::kCopied);
  if (!self->BindArguments(arguments, binder)) return nullptr;
  self->BeginRun(Span::kOneCall);
  return self->Fetch(env, std::numeric_limits<int>::max());
}

napi_value Statement::Open(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedIdle(env, arguments);
  if (self == nullptr) return nullptr;
  ParameterBinder binder(*self->environment_, self->handle_.get(), ParameterBinder::Lifetime::kCopied);
  if (!self->BindArguments(arguments, binder)) return nullptr;
  self->BeginRun(Span::kOpen);
  return nullptr;
}

napi_value Statement::More(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = Named(env, arguments);
  if (self == nullptr || NamedUnlessRunning(env, arguments) == nullptr) return nullptr;
  int max_rows = 0;
  if (arguments.count() < 2 || napi_get_value_int32(env, arguments[1], &max_rows) != napi_ok || max_rows < 1) {
    napi_throw_type_error(env, nullptr, "Expected more(id, maxRows)");
    return nullptr;
  }
  if (self->has_failed_) {
    self->has_failed_ = false;
    return self->ThrowFailure(env, self->failure_, std::exchange(self->failure_message_, {}));
  }
  if (!self->run_.has_value()) {
    napi_throw_type_error(env, nullptr, "The statement is not running a query");
    return nullptr;
  }
  return self->Fetch(env, max_rows);
}

napi_value Statement::Fetch(napi_env env, int max_rows) {
  const Connection::Busy busy(*borrowed_connection_);
  std::unique_ptr<RowStaging> staging = environment_->TakeStaging();
  std::string message;
  int columns = 0;
  int code;
  bool is_row_missing = false;
  do {
    code = run_->Step();
    if (code != SQLITE_ROW) break;
    if (staging->rows() == 0) {
      columns_.Notice(handle_.get());
      columns = ColumnsToRead();
    }
    is_row_missing = !staging->AddRow(env, handle_.get(), columns, is_big_int_);
  } while (!is_row_missing && staging->rows() < max_rows && !staging->IsFull(columns));

  const bool is_at_end = code != SQLITE_ROW;
  if (is_row_missing) {
    code = EndRun(&message);
  } else if (!is_at_end) {
    if (borrowed_connection_->borrowed_capture() != nullptr) borrowed_connection_->borrowed_capture()->NoteTransaction();
  } else {
    code = code == SQLITE_DONE ? EndRun(&message) : FailRun(code, &message);
    if (code != SQLITE_OK && staging->rows() > 0 && !IsExceptionPending(env)) {
      has_failed_ = true;
      failure_ = code;
      failure_message_ = message;
    }
  }
  const bool is_delivered = !is_row_missing && (!is_at_end || code == SQLITE_OK || has_failed_);
  napi_value result = nullptr;
  if (is_delivered) {
    ResultPage& page = environment_->page();
    result = page.Deliver(env, *staging, columns);
    page.header().is_done = is_at_end && !has_failed_;
    page.header().generation = columns_.generation();
  }
  environment_->ReturnStaging(std::move(staging));
  if (!is_delivered) return ThrowFailure(env, code, message);
  if (is_at_end) environment_->FlushWake();
  return result;
}

napi_value Statement::End(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedUnlessRunning(env, arguments);
  if (self == nullptr) return nullptr;
  self->has_failed_ = false;
  self->failure_message_.clear();
  if (!self->run_.has_value()) return nullptr;
  std::string message;
  const int code = self->EndRun(&message);
  if (code != SQLITE_OK) return self->ThrowFailure(env, code, message);
  self->environment_->FlushWake();
  return nullptr;
}

napi_value Statement::Bind(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedIdle(env, arguments);
  if (self == nullptr) return nullptr;
  ParameterBinder binder(*self->environment_, self->handle_.get(), ParameterBinder::Lifetime::kCopied);
  self->is_bound_ = binder.Bind(arguments.values() + 1, arguments.count() - 1);
  return nullptr;
}

napi_value Statement::ClearBindings(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedIdle(env, arguments);
  if (self == nullptr) return nullptr;
  self->is_bound_ = false;
  self->ClearValues();
  return nullptr;
}

napi_value Statement::Configure(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedOrClosed(env, arguments);
  if (self == nullptr) return nullptr;
  bool is_big_int = false;
  bool is_first_column_only = false;
  bool is_expanded = false;
  if (arguments.count() < 4 || napi_get_value_bool(env, arguments[1], &is_big_int) != napi_ok ||
      napi_get_value_bool(env, arguments[2], &is_first_column_only) != napi_ok ||
      napi_get_value_bool(env, arguments[3], &is_expanded) != napi_ok) {
    napi_throw_type_error(env, nullptr, "Expected configure(id, isBigInt, isFirstColumnOnly, isExpanded)");
    return nullptr;
  }
  self->is_big_int_ = is_big_int;
  self->is_first_column_only_ = is_first_column_only;
  self->columns_.IncludeTables(is_expanded);
  return nullptr;
}

napi_value Statement::Columns(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = Named(env, arguments);
  if (self == nullptr) return nullptr;
  sqlite3_stmt* statement = self->handle_.get();
  napi_value columns;
  if (napi_create_array(env, &columns) != napi_ok) return nullptr;
  const int count = sqlite3_column_count(statement);
  for (int at = 0; at < count; at++) {
    const char* parts[] = {sqlite3_column_name(statement, at), sqlite3_column_origin_name(statement, at),
                           sqlite3_column_table_name(statement, at), sqlite3_column_database_name(statement, at),
                           sqlite3_column_decltype(statement, at)};
    for (size_t part = 0; part < std::size(parts); part++) {
      napi_value text = TextOrNull(env, parts[part]);
      if (text == nullptr || napi_set_element(env, columns, static_cast<uint32_t>(at * std::size(parts) + part), text) != napi_ok)
        return nullptr;
    }
  }
  return columns;
}

napi_value Statement::ColumnNames(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = Named(env, arguments);
  if (self == nullptr) return nullptr;
  const std::string& names = self->columns_.names();
  napi_value text = nullptr;
  if (napi_create_string_utf8(env, names.data(), names.size(), &text) != napi_ok) ThrowUnlessPending(env, "Out of memory");
  return text;
}

napi_value Statement::ParameterNames(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = Named(env, arguments);
  if (self == nullptr) return nullptr;
  napi_value names;
  if (napi_create_array(env, &names) != napi_ok) return nullptr;
  for (int index = 1; index <= self->parameter_count_; index++) {
    // Without the character that marks it as a parameter.
    const char* name = sqlite3_bind_parameter_name(self->handle_.get(), index);
    napi_value text = TextOrNull(env, name == nullptr ? nullptr : name + 1);
    if (text == nullptr || napi_set_element(env, names, static_cast<uint32_t>(index - 1), text) != napi_ok) return nullptr;
  }
  return names;
}

napi_value Statement::BoundSql(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = Named(env, arguments);
  return self == nullptr ? nullptr : ExpandedSql(env, self->handle_.get());
}

napi_value Statement::FinalizeFunction(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Statement* self = NamedUnlessRunning(env, arguments);
  if (self == nullptr) return nullptr;
  self->has_failed_ = false;
  self->Release();
  self->environment_->FlushWake();
  return nullptr;
}

int Statement::ColumnsToRead() const {
  const int count = sqlite3_column_count(handle_.get());
  return is_first_column_only_ && count > 1 ? 1 : count;
}

}  // namespace rowtap::node
