#include "node/user_function.h"

#include <memory>

#include "node/arguments.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/function_definition.h"
#include "node/properties.h"
#include "node/reentry.h"
#include "node/values.h"

namespace rowtap::node {

UserFunction::UserFunction(napi_env env, const FunctionDefinition& definition, napi_value function)
    : borrowed_connection_(*definition.borrowed_connection),
      who_("The user-defined function " + definition.name + "() returned"),
      is_big_int_(definition.is_big_int),
      function_(env, function) {}

napi_value UserFunction::Define(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  FunctionDefinition definition;
  if (!definition.Read(env, arguments)) return nullptr;
  napi_value function = ReadFunction(env, definition.object, "call");
  if (function == nullptr) {
    ThrowTypeErrorUnlessPending(env, "Expected a function as \"call\"");
    return nullptr;
  }
  std::unique_ptr<UserFunction> self(new UserFunction(env, definition, function));
  if (self->function_.is_empty()) {
    ThrowUnlessPending(env, "Out of memory");
    return nullptr;
  }
  sqlite3* db = definition.borrowed_connection->borrowed_db();
  // SQLite owns it from here on, also where it refuses it.
  const int code = sqlite3_create_function_v2(db, definition.name.c_str(), definition.argument_count, definition.flags(), self.release(),
                                              Call, nullptr, nullptr, Destroy);
  if (code != SQLITE_OK) ThrowSqliteError(definition.borrowed_connection->environment(), sqlite3_errstr(code), code);
  return nullptr;
}

void UserFunction::Call(sqlite3_context* context, int count, sqlite3_value** values) {
  const auto* self = static_cast<const UserFunction*>(sqlite3_user_data(context));
  const Reentry reentry(self->borrowed_connection_);
  if (!reentry.is_possible()) return FailFunction(context);
  const CallArguments arguments(reentry.env(), nullptr, count, values, self->is_big_int_);
  napi_value returned = arguments.Call(self->function_.value());
  if (returned == nullptr || !SetResult(reentry.env(), context, returned, self->who_.c_str())) FailFunction(context);
}

void UserFunction::Destroy(void* self) {
  delete static_cast<UserFunction*>(self);
}

}  // namespace rowtap::node
