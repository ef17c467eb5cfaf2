#include "node/user_table.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "node/arguments.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/properties.h"
#include "node/reentry.h"
#include "node/text.h"
#include "node/values.h"

namespace rowtap::node {

namespace {

// As many as `given` of Scan has bits for.
constexpr uint32_t kMostParameters = 32;

Reference FunctionOf(napi_env env, napi_value object, const char* name) {
  napi_value function = ReadFunction(env, object, name);
  return function == nullptr ? Reference() : Reference(env, function);
}

bool ReadNames(napi_env env, napi_value object, const char* name, std::vector<std::string>* names) {
  napi_value list;
  uint32_t length = 0;
  if (napi_get_named_property(env, object, name, &list) != napi_ok || napi_get_array_length(env, list, &length) != napi_ok) return false;
  if (length > kMostParameters) return false;
  names->resize(length);
  for (uint32_t at = 0; at < length; at++) {
    napi_value element;
    if (napi_get_element(env, list, at, &element) != napi_ok || !ReadText(env, element, &(*names)[at])) return false;
  }
  return true;
}

// What JavaScript threw is pending; SQLite needs no words of ours.
constexpr int kFailed = SQLITE_ERROR;

}  // namespace

struct UserTable::Table : sqlite3_vtab {
  Table() : sqlite3_vtab{} {}

  // What `connect` returned. False, with an exception pending, where it is not what it has to be.
  bool Read(napi_env env, napi_value definition) {
    napi_value text;
    scan = FunctionOf(env, definition, "scan");
    const bool is_read = !scan.is_empty() && napi_get_named_property(env, definition, "declaration", &text) == napi_ok &&
                         ReadText(env, text, &declaration) && ReadNames(env, definition, "parameters", &parameters) &&
                         ReadBoolean(env, definition, "isBigInt", &is_big_int) &&
                         ReadBoolean(env, definition, "isDirectOnly", &is_direct_only);
    return is_read ||
           ThrowTypeErrorUnlessPending(env, "Expected { declaration, parameters, isBigInt, isDirectOnly, scan } of a virtual table");
  }

  const UserTable* borrowed_module = nullptr;
  std::string declaration;
  std::vector<std::string> parameters;
  bool is_big_int = false;
  bool is_direct_only = false;
  Reference scan;
};

struct UserTable::Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}

  const Table& table() const { return *static_cast<const Table*>(pVtab); }
  const UserTable& module() const { return *table().borrowed_module; }

  Reference next;  // goes on to the next row and says whether there is one
  Reference row;   // the array which that one is put into
  bool is_at_end = true;
  int64_t rowid = 0;
};

UserTable::UserTable(napi_env env, const Connection& connection, const std::string& name, napi_value connect)
    : borrowed_connection_(connection), who_("The virtual table module \"" + name + "\" yielded"), connect_(env, connect) {}

napi_value UserTable::Define(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Connection* connection = Connection::Unwrap(env, Napi::Value(env, arguments.receiver()));
  if (connection == nullptr) return nullptr;
  std::string name;
  bool is_eponymous = false;
  napi_value connect = nullptr;
  if (arguments.count() < 2 || !ReadText(env, arguments[0], &name) || !HasType(env, arguments[1], napi_object) ||
      !ReadBoolean(env, arguments[1], "isEponymous", &is_eponymous) || (connect = ReadFunction(env, arguments[1], "connect")) == nullptr) {
    ThrowTypeErrorUnlessPending(env, "Expected defineTable(name, { isEponymous, connect })");
    return nullptr;
  }
  if (!connection->RequireOpen()) return nullptr;
  std::unique_ptr<UserTable> self(new UserTable(env, *connection, name, connect));
  if (self->connect_.is_empty()) {
    ThrowUnlessPending(env, "Out of memory");
    return nullptr;
  }
  connection->ExpectJavaScript();
  // SQLite owns it from here on, also where it refuses it.
  const int code = sqlite3_create_module_v2(connection->borrowed_db(), name.c_str(), Module(is_eponymous), self.release(), Destroy);
  if (code != SQLITE_OK) ThrowSqliteError(connection->environment(), sqlite3_errstr(code), code);
  return nullptr;
}

const sqlite3_module* UserTable::Module(bool is_eponymous) {
  static const auto describe = [](bool is_named_as_module) {
    sqlite3_module module{};
    // Without it there is no CREATE VIRTUAL TABLE; were it the same function as xConnect, there would be an eponymous table too.
    module.xCreate = is_named_as_module ? nullptr : Create;
    module.xConnect = Connect;
    module.xBestIndex = Plan;
    module.xDisconnect = Disconnect;
    module.xDestroy = Disconnect;
    module.xOpen = Open;
    module.xClose = Close;
    module.xFilter = Scan;
    module.xNext = Next;
    module.xEof = IsAtEnd;
    module.xColumn = Column;
    module.xRowid = Rowid;
    return module;
  };
  static const sqlite3_module eponymous = describe(true);
  static const sqlite3_module created = describe(false);
  return is_eponymous ? &eponymous : &created;
}

int UserTable::Create(sqlite3* db, void* self, int count, const char* const* arguments, sqlite3_vtab** table, char** message) {
  return Connect(db, self, count, arguments, table, message);
}

int UserTable::Connect(sqlite3* db, void* data, int count, const char* const* arguments, sqlite3_vtab** table, char** message) {
  const auto* self = static_cast<const UserTable*>(data);
  const Reentry reentry(self->borrowed_connection_);
  if (!reentry.is_possible()) return kFailed;
  napi_env env = reentry.env();
  try {
    std::vector<napi_value> texts(static_cast<size_t>(count));
    for (size_t at = 0; at < texts.size(); at++) {
      texts[at] = TextOrNull(env, arguments[at]);
      if (texts[at] == nullptr) return kFailed;
    }
    napi_value undefined;
    napi_value definition;
    napi_get_undefined(env, &undefined);
    if (napi_call_function(env, undefined, self->connect_.value(), texts.size(), texts.data(), &definition) != napi_ok) return kFailed;
    auto connected = std::make_unique<Table>();
    connected->borrowed_module = self;
    if (!connected->Read(env, definition)) return kFailed;
    int code = sqlite3_declare_vtab(db, connected->declaration.c_str());
    if (code == SQLITE_OK && connected->is_direct_only) code = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    if (code != SQLITE_OK) {
      *message = sqlite3_mprintf("the columns of the virtual table \"%s\" could not be declared: %s", arguments[2], sqlite3_errmsg(db));
      return code;
    }
    *table = connected.release();
    return SQLITE_OK;
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
}

int UserTable::Disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

int UserTable::Plan(sqlite3_vtab* vtab, sqlite3_index_info* plan) {
  auto* table = static_cast<Table*>(vtab);
  const int parameters = static_cast<int>(table->parameters.size());
  // For each parameter the first constraint that says what it is equal to. Another one SQLite checks by itself.
  int constraints[kMostParameters];
  std::fill_n(constraints, kMostParameters, -1);
  for (int at = 0; at < plan->nConstraint; at++) {
    const auto& constraint = plan->aConstraint[at];
    // These two have no column.
    if (constraint.op == SQLITE_INDEX_CONSTRAINT_LIMIT || constraint.op == SQLITE_INDEX_CONSTRAINT_OFFSET) continue;
    if (constraint.iColumn < 0 || constraint.iColumn >= parameters) continue;
    if (constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) {
      sqlite3_free(table->zErrMsg);
      table->zErrMsg = sqlite3_mprintf("the parameter \"%s\" of a virtual table can only be compared by =",
                                       table->parameters[static_cast<size_t>(constraint.iColumn)].c_str());
      return SQLITE_ERROR;
    }
    // A plan that can't hand it over would leave out an argument that was given.
    if (constraint.usable == 0) return SQLITE_CONSTRAINT;
    if (constraints[constraint.iColumn] < 0) constraints[constraint.iColumn] = at;
  }
  uint32_t given = 0;
  int arguments = 0;
  for (int parameter = 0; parameter < parameters; parameter++) {
    if (constraints[parameter] < 0) continue;
    given |= uint32_t{1} << parameter;
    plan->aConstraintUsage[constraints[parameter]].argvIndex = ++arguments;
    plan->aConstraintUsage[constraints[parameter]].omit = 1;
  }
  plan->idxNum = static_cast<int>(given);
  // Dear, so that a scan does not become the inner loop where that can be avoided.
  plan->estimatedRows = 1'000'000'000 / (arguments + 1);
  plan->estimatedCost = static_cast<double>(plan->estimatedRows);
  return SQLITE_OK;
}

int UserTable::Open(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) {
  *cursor = new (std::nothrow) Cursor();
  return *cursor == nullptr ? SQLITE_NOMEM : SQLITE_OK;
}

int UserTable::Close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<Cursor*>(cursor);
  return SQLITE_OK;
}

int UserTable::Scan(sqlite3_vtab_cursor* base, int given, const char*, int, sqlite3_value** values) {
  auto* cursor = static_cast<Cursor*>(base);
  const Table& table = cursor->table();
  cursor->is_at_end = true;
  cursor->rowid = 0;
  const Reentry reentry(cursor->module().borrowed_connection_);
  if (!reentry.is_possible()) return kFailed;
  napi_env env = reentry.env();
  napi_value undefined;
  napi_get_undefined(env, &undefined);
  napi_value arguments[kMostParameters];
  const size_t count = table.parameters.size();
  for (size_t at = 0; at < count; at++) {
    arguments[at] = undefined;
    if ((static_cast<uint32_t>(given) & uint32_t{1} << at) == 0) continue;
    // Nothing is equal to NULL.
    if (sqlite3_value_type(*values) == SQLITE_NULL) return SQLITE_OK;
    arguments[at] = ArgumentValue(env, *values++, table.is_big_int);
    if (arguments[at] == nullptr) return kFailed;
  }
  napi_value scan;
  napi_value row;
  if (napi_call_function(env, undefined, table.scan.value(), count, arguments, &scan) != napi_ok) return kFailed;
  cursor->next = FunctionOf(env, scan, "next");
  if (napi_get_named_property(env, scan, "row", &row) == napi_ok && HasType(env, row, napi_object)) cursor->row = Reference(env, row);
  if (cursor->next.is_empty() || cursor->row.is_empty()) {
    ThrowTypeErrorUnlessPending(env, "Expected { row, next } of a virtual table's scan");
    return kFailed;
  }
  return Next(base);
}

int UserTable::Next(sqlite3_vtab_cursor* base) {
  auto* cursor = static_cast<Cursor*>(base);
  const Reentry reentry(cursor->module().borrowed_connection_);
  if (!reentry.is_possible()) return kFailed;
  napi_value has_row = CallArguments(reentry.env(), nullptr, 0, nullptr, false).Call(cursor->next.value());
  bool is_there = false;
  if (has_row == nullptr || napi_get_value_bool(reentry.env(), has_row, &is_there) != napi_ok) {
    ThrowTypeErrorUnlessPending(reentry.env(), "Expected a boolean from a virtual table's next()");
    return kFailed;
  }
  cursor->is_at_end = !is_there;
  cursor->rowid++;
  return SQLITE_OK;
}

int UserTable::IsAtEnd(sqlite3_vtab_cursor* cursor) {
  return static_cast<const Cursor*>(cursor)->is_at_end ? 1 : 0;
}

int UserTable::Column(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) {
  const auto* cursor = static_cast<const Cursor*>(base);
  const Reentry reentry(cursor->module().borrowed_connection_);
  if (!reentry.is_possible()) return kFailed;
  napi_value value;
  const bool is_given = napi_get_element(reentry.env(), cursor->row.value(), static_cast<uint32_t>(column), &value) == napi_ok &&
                        SetResult(reentry.env(), context, value, cursor->module().who_.c_str());
  return is_given ? SQLITE_OK : kFailed;
}

int UserTable::Rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) {
  *rowid = static_cast<const Cursor*>(cursor)->rowid;
  return SQLITE_OK;
}

void UserTable::Destroy(void* self) {
  delete static_cast<UserTable*>(self);
}

}  // namespace rowtap::node
