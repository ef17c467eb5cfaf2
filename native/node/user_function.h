// A function of SQL that is written in JavaScript.
#pragma once

#include <node_api.h>

#include <string>

#include "node/reference.h"
#include "sqlite3.h"

namespace rowtap::node {

class Connection;
struct FunctionDefinition;

// Owned by SQLite, which destroys it when the function is replaced or its connection closed. Nothing of the connection is used then.
class UserFunction {
 public:
  // The method `defineFunction` of a connection.
  static napi_value Define(napi_env env, napi_callback_info info);

 private:
  UserFunction(napi_env env, const FunctionDefinition& definition, napi_value function);

  static void Call(sqlite3_context* context, int count, sqlite3_value** values);
  static void Destroy(void* self);

  const Connection& borrowed_connection_;
  const std::string who_;  // as SetResult wants it
  const bool is_big_int_;
  const Reference function_;
};

}  // namespace rowtap::node
