#include "node/reentry.h"

#include <new>

#include "node/connection.h"
#include "node/errors.h"
#include "node/values.h"

namespace rowtap::node {

Reentry::Reentry(const Connection& connection) : env_(connection.environment().env()) {
  if (connection.is_running() && !IsExceptionPending(env_) && napi_open_handle_scope(env_, &scope_) != napi_ok) scope_ = nullptr;
}

Reentry::~Reentry() {
  if (scope_ != nullptr) napi_close_handle_scope(env_, scope_);
}

CallArguments::CallArguments(napi_env env, napi_value first, int count, sqlite3_value** borrowed_values, bool is_big_int) : env_(env) {
  const size_t total = static_cast<size_t>(count) + (first == nullptr ? 0 : 1);
  napi_value* values = inline_;
  if (total > kInline) {
    many_.reset(new (std::nothrow) napi_value[total]);
    if (many_ == nullptr) {
      ThrowUnlessPending(env, "Out of memory");
      return;
    }
    values = many_.get();
  }
  if (first != nullptr) values[count_++] = first;
  for (int at = 0; at < count; at++) {
    napi_value value = ArgumentValue(env, borrowed_values[at], is_big_int);
    if (value == nullptr) return;
    values[count_++] = value;
  }
  is_complete_ = true;
}

napi_value CallArguments::Call(napi_value function) const {
  napi_value undefined;
  napi_value returned = nullptr;
  if (!is_complete_ || napi_get_undefined(env_, &undefined) != napi_ok) return nullptr;
  const napi_value* values = many_ == nullptr ? inline_ : many_.get();
  return napi_call_function(env_, undefined, function, count_, values, &returned) == napi_ok ? returned : nullptr;
}

void FailFunction(sqlite3_context* context) {
  sqlite3_result_error(context, "A user-defined function could not be called, or threw an exception", -1);
}

}  // namespace rowtap::node
