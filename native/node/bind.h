// JavaScript values as parameters of a statement.
#pragma once

#include <node_api.h>

#include <cstddef>

#include "node/environment.h"
#include "sqlite3.h"

namespace rowtap::node {

class ParameterBinder {
 public:
  // How long SQLite may look at the values: until the binder is destroyed, before which the bindings must have been cleared; or for as long
  // as it likes, so that it takes copies. kThisCallAlone: the former, and no JavaScript can run meanwhile.
  enum class Lifetime { kThisCallAlone, kThisCall, kCopied };

  ParameterBinder(const WriterEnvironment& environment, sqlite3_stmt* borrowed_statement, Lifetime lifetime)
      : environment_(environment), env_(environment.env()), borrowed_statement_(borrowed_statement), lifetime_(lifetime) {}
  ParameterBinder(const ParameterBinder&) = delete;
  ParameterBinder& operator=(const ParameterBinder&) = delete;

  // Binds `values` to the parameters 1 to `count`. On failure throws what better-sqlite3 would, but for a missing memory a SqliteError;
  // clears all bindings and returns false.
  bool Bind(const napi_value* values, size_t count);
  // Whether something has been bound that takes memory, its own or somebody else's: no number and no null.
  bool holds_memory() const { return holds_memory_; }

 private:
  class Slot;

  // A shorter blob is copied sooner than it is found out whose memory it is.
  static constexpr size_t kShortestBorrowed = 1024;

  // Most texts are shorter; those that are not have been written in vain so far.
  static constexpr size_t kFirstTry = 256;

  const WriterEnvironment& environment_;
  const napi_env env_;
  sqlite3_stmt* const borrowed_statement_;
  const Lifetime lifetime_;
  bool holds_memory_ = false;
  size_t used_ = 0;
  char texts_[4096];
};

}  // namespace rowtap::node
