// What stands in an object that JavaScript has handed over.
#pragma once

#include <node_api.h>

namespace rowtap::node {

// False for a property that is not a boolean.
inline bool ReadBoolean(napi_env env, napi_value object, const char* name, bool* value) {
  napi_value property;
  return napi_get_named_property(env, object, name, &property) == napi_ok && napi_get_value_bool(env, property, value) == napi_ok;
}

// Null for a property that is not a function.
inline napi_value ReadFunction(napi_env env, napi_value object, const char* name) {
  napi_value property;
  napi_valuetype type;
  const bool is_function = napi_get_named_property(env, object, name, &property) == napi_ok &&
                           napi_typeof(env, property, &type) == napi_ok && type == napi_function;
  return is_function ? property : nullptr;
}

}  // namespace rowtap::node
