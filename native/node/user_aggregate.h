// An aggregate function of SQL that is written in JavaScript.
#pragma once

#include <node_api.h>

#include <string>

#include "node/reference.h"
#include "sqlite3.h"

namespace rowtap::node {

class Connection;
struct FunctionDefinition;

// A group, or a window, begins with what `start` returns. `step` gets that and the arguments of each row, and returns what takes its place,
// or undefined to keep it; `inverse` does the same for a row that has left the window. `result` makes the value of it.
//
// Owned by SQLite, which destroys it when the function is replaced or its connection closed. Nothing of the connection is used then.
class UserAggregate {
 public:
  // The method `defineAggregate` of a connection.
  static napi_value Define(napi_env env, napi_callback_info info);

 private:
  // What SQLite keeps for one group, and fills with zeros at first.
  struct Accumulator {
    Reference* holder;  // an array with the value in it; null before the start and after a failure
    bool has_begun;
    bool is_window;
  };

  UserAggregate(napi_env env, const FunctionDefinition& definition);

  static void Step(sqlite3_context* context, int count, sqlite3_value** values);
  static void Inverse(sqlite3_context* context, int count, sqlite3_value** values);
  // The value of a window, which goes on.
  static void Value(sqlite3_context* context);
  // The value of a group, which ends. SQLite calls it for each group that has begun, whatever becomes of the statement.
  static void Final(sqlite3_context* context);
  static void Destroy(void* self);

  void Take(sqlite3_context* context, const Reference& function, int count, sqlite3_value** values) const;
  // False where it threw.
  bool GiveValue(napi_env env, sqlite3_context* context, const Accumulator& accumulator) const;
  // The group's, begun if need be. Null where that failed, now or before; then the context knows.
  Accumulator* Begun(napi_env env, sqlite3_context* context) const;
  static void Drop(Accumulator& accumulator);
  // After which nothing is called for the group any more.
  static void Fail(sqlite3_context* context);

  const Connection& borrowed_connection_;
  const std::string who_;  // as SetResult wants it
  const bool is_big_int_;
  const Reference start_;
  const Reference step_;
  const Reference inverse_;  // empty: not for windows
  const Reference result_;   // empty: the value itself
};

}  // namespace rowtap::node
