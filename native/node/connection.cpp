#include "node/connection.h"

#include <cstdlib>
#include <cstring>
#include <exception>

#include "capture/library_call.h"
#include "node/arguments.h"
#include "node/errors.h"
#include "node/properties.h"
#include "node/script.h"
#include "node/serialize.h"
#include "node/statement.h"
#include "node/text.h"
#include "node/user_aggregate.h"
#include "node/user_function.h"
#include "node/user_table.h"
#include "node/wake.h"
#include "sqlite/internals.h"

namespace rowtap::node {

namespace {

constexpr napi_type_tag kConnectionTag = {0x6f1d2c5a8b3e4907, 0x9a74c0e15d826bf3};

bool IsConnection(napi_env env, napi_value value) {
  bool is_connection = false;
  return HasType(env, value, napi_object) && napi_check_object_type_tag(env, value, &kConnectionTag, &is_connection) == napi_ok &&
         is_connection;
}

Connection* WrappedIn(napi_env env, napi_value value) {
  void* connection = nullptr;
  if (IsConnection(env, value) && napi_unwrap(env, value, &connection) == napi_ok) return static_cast<Connection*>(connection);
  napi_throw_type_error(env, nullptr, "Expected a native Connection");
  return nullptr;
}

napi_value Boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

// The same switch, for the same reason, as a process has for every other program that uses SQLite as the system provides it: with it, names
// that begin with "file:" are URIs.
bool AreUrisWanted() {
  const char* wanted = std::getenv("SQLITE_USE_URI");
  return wanted != nullptr && std::strcmp(wanted, "1") == 0;
}

}  // namespace

bool Connection::Init(napi_env env, napi_value exports, WriterEnvironment& environment) {
  const napi_property_descriptor properties[] = {
      {"prepare", nullptr, Prepare, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"defineAggregate", nullptr, UserAggregate::Define, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"defineFunction", nullptr, UserFunction::Define, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"defineTable", nullptr, UserTable::Define, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"exec", nullptr, Exec, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"serialize", nullptr, Serialize, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"close", nullptr, CloseMethod, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"loadExtension", nullptr, LoadExtension, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"setDefensive", nullptr, SetDefensive, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"heldWalBytes", nullptr, HeldWalBytes, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"isOpen", nullptr, nullptr, IsOpen, nullptr, nullptr, napi_default, &environment},
      {"isInTransaction", nullptr, nullptr, IsInTransaction, nullptr, nullptr, napi_default, &environment},
      {"hasBegun", nullptr, nullptr, HasBegun, nullptr, nullptr, napi_default, &environment},
      {"isExclusive", nullptr, nullptr, IsExclusive, nullptr, nullptr, napi_default, &environment},
  };
  napi_value constructor;
  return napi_define_class(env, "Connection", NAPI_AUTO_LENGTH, Construct, &environment, std::size(properties), properties, &constructor) ==
             napi_ok &&
         napi_set_named_property(env, exports, "Connection", constructor) == napi_ok;
}

Connection* Connection::Unwrap(Napi::Env env, Napi::Value value) {
  return WrappedIn(env, value);
}

// To unwrap an object takes longer than many a statement, and the next call is nearly always for the same one.
Connection* Connection::Receiver(napi_env env, const Arguments& arguments) {
  auto* environment = static_cast<WriterEnvironment*>(arguments.data());
  Connection* last = environment->last_called();
  napi_value object = nullptr;
  bool is_last = false;
  if (last != nullptr && napi_get_reference_value(env, last->object_, &object) == napi_ok && object != nullptr &&
      napi_strict_equals(env, object, arguments.receiver(), &is_last) == napi_ok && is_last) {
    return last;
  }
  Connection* self = WrappedIn(env, arguments.receiver());
  if (self != nullptr) environment->set_last_called(self);
  return self;
}

Connection::~Connection() {
  Close();
  if (environment_->last_called() == this) environment_->set_last_called(nullptr);
  if (object_ != nullptr) napi_delete_reference(environment_->env(), object_);
}

bool Connection::ReadOptions(napi_env env, napi_value value, Options* options) {
  napi_value number;
  if (!HasType(env, value, napi_object) || !ReadBoolean(env, value, "readonly", &options->is_readonly) ||
      !ReadBoolean(env, value, "fileMustExist", &options->must_exist) || !ReadBoolean(env, value, "isCaptured", &options->is_captured) ||
      napi_get_named_property(env, value, "timeoutMs", &number) != napi_ok ||
      napi_get_value_int32(env, number, &options->timeout_ms) != napi_ok) {
    return false;
  }
  if (napi_get_named_property(env, value, "maxLength", &number) == napi_ok && HasType(env, number, napi_number)) {
    napi_get_value_int32(env, number, &options->max_length);
  }
  napi_value content;
  return napi_get_named_property(env, value, "content", &content) == napi_ok && ReadContent(env, content, options);
}

bool Connection::ReadContent(napi_env env, napi_value value, Options* options) {
  if (HasType(env, value, napi_undefined)) return true;
  bool is_buffer = false;
  void* data = nullptr;
  if (napi_is_buffer(env, value, &is_buffer) != napi_ok || !is_buffer ||
      napi_get_buffer_info(env, value, &data, &options->content_size) != napi_ok) {
    return false;
  }
  options->has_content = true;
  options->borrowed_content = data;
  return true;
}

napi_value Connection::Construct(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  auto* environment = static_cast<WriterEnvironment*>(arguments.data());
  napi_value new_target = nullptr;
  napi_get_new_target(env, info, &new_target);
  std::string path;
  Options options;
  if (new_target == nullptr || arguments.count() < 2 || !ReadText(env, arguments[0], &path) || !ReadOptions(env, arguments[1], &options)) {
    ThrowTypeErrorUnlessPending(env,
                                "Expected new Connection(path, { readonly, fileMustExist, isCaptured, timeoutMs, maxLength, content })");
    return nullptr;
  }
  std::unique_ptr<Connection> connection(new Connection(environment->shared_from_this()));
  if (!connection->Open(path, options)) return nullptr;
  if (napi_create_reference(env, arguments.receiver(), 0, &connection->object_) != napi_ok ||
      napi_type_tag_object(env, arguments.receiver(), &kConnectionTag) != napi_ok ||
      napi_wrap(env, arguments.receiver(), connection.get(), Finalize, nullptr, nullptr) != napi_ok) {
    ThrowUnlessPending(env, "Out of memory");
    return nullptr;
  }
  environment->open_connections().insert(connection.release());
  return arguments.receiver();
}

void Connection::Finalize(napi_env, void* connection, void*) {
  auto* self = static_cast<Connection*>(connection);
  // See CloseAtExit.
  if (self->running_ == 0) delete self;
}

bool Connection::Open(const std::string& path, const Options& options) {
  int flags = options.is_readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (!options.is_readonly && !options.must_exist) flags |= SQLITE_OPEN_CREATE;
  if (AreUrisWanted()) flags |= SQLITE_OPEN_URI;
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  db_.reset(opened);
  if (code != SQLITE_OK) {
    return opened == nullptr ? FailOpening(sqlite3_errstr(code), code)
                             : FailOpening(sqlite3_errmsg(opened), sqlite3_extended_errcode(opened));
  }
  sqlite3_extended_result_codes(opened, 1);
  if (options.has_content) {
    const auto size = static_cast<int64_t>(options.content_size);
    const int content_code = rowtap_deserialize(opened, options.borrowed_content, size, options.is_readonly ? 1 : 0);
    if (content_code != SQLITE_OK) return FailOpening(sqlite3_errstr(content_code), content_code);
  }
  // Before anything can be prepared: a DELETE prepared without the hook may empty a table unseen.
  if (options.is_captured) {
    try {
      capture_ = capture::Capture::Install(opened);
    } catch (const std::exception& error) {
      ThrowUnlessPending(environment_->env(), error.what());
      db_.reset();
      return false;
    }
  }
  sqlite3_busy_timeout(opened, options.timeout_ms);
  if (options.max_length > 0) {
    sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, options.max_length);
    sqlite3_limit(opened, SQLITE_LIMIT_SQL_LENGTH, options.max_length);
  }
  // Extensions by the C function only, never from SQL; and nothing in SQL may write where it could corrupt the file, see `setDefensive`.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return true;
}

bool Connection::FailOpening(const std::string& message, int code) {
  ThrowSqliteError(*environment_, message, code);
  db_.reset();
  return false;
}

void Connection::AddChild(ConnectionChild* child) {
  child->place_ = children_.size();
  children_.push_back(child);
}

void Connection::RemoveChild(ConnectionChild* child) noexcept {
  // While closing they are told one by one, and are none of the connection's any more.
  if (child->place_ >= children_.size() || children_[child->place_] != child) return;
  // The last one moves into its place.
  children_.back()->place_ = child->place_;
  children_[child->place_] = children_.back();
  children_.pop_back();
}

void Connection::Close() noexcept {
  if (db_ == nullptr) return;
  environment_->open_connections().erase(this);
  const std::vector<ConnectionChild*> children = std::move(children_);
  children_.clear();
  for (ConnectionChild* child : children) child->OnConnectionClose();
  kept_statements_.Clear();
  if (capture_ != nullptr) capture_->Close();
  db_.reset();
  capture_.reset();
}

void Connection::CloseAtExit() noexcept {
  if (running_ == 0) Close();
}

bool Connection::RequireOpen() const {
  if (db_ != nullptr) return true;
  napi_throw_type_error(environment_->env(), nullptr, "The database connection is closed");
  return false;
}

napi_value Connection::Prepare(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* self = Receiver(env, arguments);
  if (self == nullptr) return nullptr;
  std::string sql;
  bool is_persistent = true;
  if (arguments.count() < 1 || !ReadText(env, arguments[0], &sql) ||
      (arguments.count() > 1 && napi_get_value_bool(env, arguments[1], &is_persistent) != napi_ok)) {
    ThrowTypeErrorUnlessPending(env, "Expected prepare(sql, isPersistent)");
    return nullptr;
  }
  if (!self->RequireOpen()) return nullptr;
  return Statement::Prepare(*self, sql, is_persistent);
}

napi_value Connection::Exec(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* self = Receiver(env, arguments);
  if (self == nullptr) return nullptr;
  std::string sql;
  napi_value logger = nullptr;
  if (arguments.count() > 1 && !HasType(env, arguments[1], napi_undefined)) logger = arguments[1];
  if (arguments.count() < 1 || !ReadText(env, arguments[0], &sql) || (logger != nullptr && !HasType(env, logger, napi_function))) {
    ThrowTypeErrorUnlessPending(env, "Expected exec(sql, logger)");
    return nullptr;
  }
  if (!self->RequireOpen()) return nullptr;

  std::string message;
  const int code = RunScript(*self, sql, logger, &message);
  if (code == -1) {
    // Statements before the one that was not run may have committed.
    self->environment_->FlushWake();
    ThrowUnlessPending(env, "Out of memory");
    return nullptr;
  }
  self->environment_->FlushWake();
  if (code != SQLITE_OK) ThrowSqliteError(*self->environment_, message, code);
  return nullptr;
}

napi_value Connection::CloseMethod(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* self = Receiver(env, arguments);
  if (self == nullptr) return nullptr;
  if (self->running_ > 0) {
    napi_throw_type_error(env, nullptr, "The database connection is running a query and cannot be closed now");
    return nullptr;
  }
  self->Close();
  self->environment_->FlushWake();
  return nullptr;
}

napi_value Connection::LoadExtension(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* self = WrappedIn(env, arguments.receiver());
  if (self == nullptr) return nullptr;
  std::string path;
  std::string entry_point;
  const bool has_entry_point = arguments.count() > 1 && !HasType(env, arguments[1], napi_undefined);
  if (arguments.count() < 1 || !ReadText(env, arguments[0], &path) || (has_entry_point && !ReadText(env, arguments[1], &entry_point))) {
    ThrowTypeErrorUnlessPending(env, "Expected loadExtension(path, entryPoint)");
    return nullptr;
  }
  if (!self->RequireOpen()) return nullptr;

  char* message = nullptr;
  int code;
  {
    const Busy busy(*self);
    if (self->capture_ != nullptr) self->capture_->ExpectExtensions();
    const capture::LibraryCall call(self->capture_.get());
    code = sqlite3_load_extension(self->db_.get(), path.c_str(), has_entry_point ? entry_point.c_str() : nullptr, &message);
  }
  const std::unique_ptr<char, void (*)(void*)> owned_message(message, sqlite3_free);
  FlushWake(env);
  if (code != SQLITE_OK) ThrowSqliteError(*self->environment_, message == nullptr ? sqlite3_errstr(code) : message, code);
  return nullptr;
}

napi_value Connection::SetDefensive(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* self = Receiver(env, arguments);
  if (self == nullptr) return nullptr;
  bool is_defensive = true;
  if (arguments.count() < 1 || napi_get_value_bool(env, arguments[0], &is_defensive) != napi_ok) {
    napi_throw_type_error(env, nullptr, "Expected setDefensive(isDefensive)");
    return nullptr;
  }
  if (self->RequireOpen()) sqlite3_db_config(self->db_.get(), SQLITE_DBCONFIG_DEFENSIVE, is_defensive ? 1 : 0, nullptr);
  return nullptr;
}

napi_value Connection::HeldWalBytes(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* self = Receiver(env, arguments);
  if (self == nullptr || !self->RequireOpen()) return nullptr;
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(rowtap_held_wal_bytes(self->db_.get())), &result);
  return result;
}

napi_value Connection::IsOpen(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const Connection* self = Receiver(env, arguments);
  return self == nullptr ? nullptr : Boolean(env, self->db_ != nullptr);
}

napi_value Connection::IsInTransaction(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const Connection* self = Receiver(env, arguments);
  return self == nullptr ? nullptr : Boolean(env, self->db_ != nullptr && sqlite3_get_autocommit(self->db_.get()) == 0);
}

napi_value Connection::HasBegun(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* self = Receiver(env, arguments);
  if (self == nullptr) return nullptr;
  return Boolean(env, self->db_ != nullptr && sqlite3_txn_state(self->db_.get(), "main") != SQLITE_TXN_NONE);
}

napi_value Connection::IsExclusive(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* self = Receiver(env, arguments);
  if (self == nullptr) return nullptr;
  return Boolean(env, self->db_ != nullptr && rowtap_is_exclusive(self->db_.get()) != 0);
}

}  // namespace rowtap::node
