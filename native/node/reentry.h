// JavaScript that SQLite calls, in the middle of a statement.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <memory>

#include "sqlite3.h"

namespace rowtap::node {

class Connection;

// One call from SQLite into JavaScript, from a callback of a user-defined function or table.
//
// An exception stays pending in the environment while SQLite takes back the statement, and is what the native call throws in the end:
// SQLite's own error, which it makes of the callback's failure, is not looked at. Until then nothing else is called, though SQLite still
// ends aggregates and closes cursors. Nor is anything called from where no statement is being run: when a connection is closed, or an
// environment ends, there is nobody to throw to.
class Reentry {
 public:
  explicit Reentry(const Connection& connection);
  ~Reentry();
  Reentry(const Reentry&) = delete;
  Reentry& operator=(const Reentry&) = delete;

  bool is_possible() const { return scope_ != nullptr; }
  napi_env env() const { return env_; }

 private:
  const napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

// What a JavaScript function is called with.
class CallArguments {
 public:
  // With `first` in front, unless it is null.
  CallArguments(napi_env env, napi_value first, int count, sqlite3_value** borrowed_values, bool is_big_int);
  CallArguments(const CallArguments&) = delete;
  CallArguments& operator=(const CallArguments&) = delete;

  // Calls `function`. Null where it threw, or there was no memory for the arguments.
  napi_value Call(napi_value function) const;

 private:
  static constexpr size_t kInline = 8;

  const napi_env env_;
  size_t count_ = 0;
  napi_value inline_[kInline];
  std::unique_ptr<napi_value[]> many_;
  bool is_complete_ = false;
};

// For a function of SQLite's whose JavaScript has thrown, or couldn't be called.
void FailFunction(sqlite3_context* context);

}  // namespace rowtap::node
