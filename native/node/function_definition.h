// What a user-defined function or aggregate is defined with, besides its JavaScript.
#pragma once

#include <node_api.h>

#include <string>

namespace rowtap::node {

class Arguments;
class Connection;

struct FunctionDefinition {
  Connection* borrowed_connection = nullptr;
  std::string name;
  int argument_count = 0;  // -1: any
  bool is_big_int = false;
  bool is_deterministic = false;
  bool is_direct_only = false;
  napi_value object = nullptr;  // with the JavaScript functions

  // Reads the receiver, the name and the object that a method of a connection was called with. False, with a TypeError thrown, where they
  // are not what they have to be, or the connection is closed.
  bool Read(napi_env env, const Arguments& arguments);
  // For sqlite3_create_function_v2.
  int flags() const;
};

}  // namespace rowtap::node
