#include "node/serialize.h"

#include <cstdint>
#include <string>

#include "capture/library_call.h"
#include "node/arguments.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/script.h"
#include "node/text.h"
#include "node/wake.h"
#include "sqlite/internals.h"

namespace rowtap::node {

namespace {

// Makes a Buffer of an attached database's pages. Returns SQLite's code; where SQLITE_NOMEM, an exception may be pending.
int CopyPages(Connection& connection, const std::string& schema, napi_value* buffer) {
  struct Destination {
    napi_env env;
    napi_value* buffer;
  } destination{connection.environment().env(), buffer};
  sqlite3* const db = connection.borrowed_db();
  const auto copy = [&] {
    const capture::LibraryCall call(connection.borrowed_capture());
    return rowtap_serialize(
        db, schema.c_str(),
        [](void* arg, uint64_t size) {
          const auto* to = static_cast<Destination*>(arg);
          void* data = nullptr;
          return napi_create_buffer(to->env, static_cast<size_t>(size), &data, to->buffer) == napi_ok ? data : nullptr;
        },
        &destination);
  };
  int code = copy();
  if (code == SQLITE_OK && *buffer == nullptr && sqlite3_get_autocommit(db) != 0) {
    // Nothing has ever been written. The first write transaction makes the first page, whatever it does; where none can be had, a database
    // without a page is empty as well.
    std::string message;
    RunScript(connection, "BEGIN IMMEDIATE; COMMIT", nullptr, &message);
    if (sqlite3_get_autocommit(db) == 0) RunScript(connection, "ROLLBACK", nullptr, &message);
    code = copy();
  }
  if (code == SQLITE_OK && *buffer == nullptr) napi_create_buffer(destination.env, 0, nullptr, buffer);
  return code;
}

}  // namespace

napi_value Serialize(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* connection = Connection::Unwrap(env, Napi::Value(env, arguments.receiver()));
  if (connection == nullptr) return nullptr;
  std::string schema;
  if (arguments.count() < 1 || !ReadText(env, arguments[0], &schema)) {
    ThrowTypeErrorUnlessPending(env, "Expected serialize(schema)");
    return nullptr;
  }
  if (!connection->RequireOpen()) return nullptr;

  napi_value buffer = nullptr;
  const int code = CopyPages(*connection, schema, &buffer);
  const std::string message = code == SQLITE_OK ? std::string() : sqlite3_errmsg(connection->borrowed_db());
  // Pending where no Buffer can be as large, or there was no memory for it.
  FlushWake(env);
  if (code == SQLITE_OK) return buffer;
  ThrowSqliteError(connection->environment(), message, code);
  return nullptr;
}

}  // namespace rowtap::node
