#include "node/function_definition.h"

#include "node/arguments.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/properties.h"
#include "node/text.h"
#include "sqlite3.h"

namespace rowtap::node {

bool FunctionDefinition::Read(napi_env env, const Arguments& arguments) {
  borrowed_connection = Connection::Unwrap(env, Napi::Value(env, arguments.receiver()));
  if (borrowed_connection == nullptr) return false;
  napi_value count;
  if (arguments.count() < 2 || !ReadText(env, arguments[0], &name) || !HasType(env, arguments[1], napi_object) ||
      napi_get_named_property(env, arguments[1], "argumentCount", &count) != napi_ok ||
      napi_get_value_int32(env, count, &argument_count) != napi_ok || !ReadBoolean(env, arguments[1], "isBigInt", &is_big_int) ||
      !ReadBoolean(env, arguments[1], "isDeterministic", &is_deterministic) ||
      !ReadBoolean(env, arguments[1], "isDirectOnly", &is_direct_only)) {
    return ThrowTypeErrorUnlessPending(env, "Expected a name and { argumentCount, isBigInt, isDeterministic, isDirectOnly, … }");
  }
  object = arguments[1];
  if (!borrowed_connection->RequireOpen()) return false;
  borrowed_connection->ExpectJavaScript();
  return true;
}

int FunctionDefinition::flags() const {
  return SQLITE_UTF8 | (is_deterministic ? SQLITE_DETERMINISTIC : 0) | (is_direct_only ? SQLITE_DIRECTONLY : 0);
}

}  // namespace rowtap::node
