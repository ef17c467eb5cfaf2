#include "node/user_aggregate.h"

#include <memory>
#include <new>

#include "node/arguments.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/function_definition.h"
#include "node/properties.h"
#include "node/reentry.h"
#include "node/values.h"

namespace rowtap::node {

namespace {

Reference FunctionOf(napi_env env, const FunctionDefinition& definition, const char* name) {
  napi_value function = ReadFunction(env, definition.object, name);
  return function == nullptr ? Reference() : Reference(env, function);
}

}  // namespace

UserAggregate::UserAggregate(napi_env env, const FunctionDefinition& definition)
    : borrowed_connection_(*definition.borrowed_connection),
      who_("The user-defined aggregate " + definition.name + "() returned"),
      is_big_int_(definition.is_big_int),
      start_(FunctionOf(env, definition, "start")),
      step_(FunctionOf(env, definition, "step")),
      inverse_(FunctionOf(env, definition, "inverse")),
      result_(FunctionOf(env, definition, "result")) {}

napi_value UserAggregate::Define(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  FunctionDefinition definition;
  if (!definition.Read(env, arguments)) return nullptr;
  std::unique_ptr<UserAggregate> self(new UserAggregate(env, definition));
  if (self->start_.is_empty() || self->step_.is_empty()) {
    ThrowTypeErrorUnlessPending(env, "Expected functions as \"start\" and \"step\"");
    return nullptr;
  }
  const bool is_for_windows = !self->inverse_.is_empty();
  sqlite3* db = definition.borrowed_connection->borrowed_db();
  // SQLite owns it from here on, also where it refuses it.
  const int code =
      sqlite3_create_window_function(db, definition.name.c_str(), definition.argument_count, definition.flags(), self.release(), Step,
                                     Final, is_for_windows ? Value : nullptr, is_for_windows ? Inverse : nullptr, Destroy);
  if (code != SQLITE_OK) ThrowSqliteError(definition.borrowed_connection->environment(), sqlite3_errstr(code), code);
  return nullptr;
}

void UserAggregate::Step(sqlite3_context* context, int count, sqlite3_value** values) {
  const auto* self = static_cast<const UserAggregate*>(sqlite3_user_data(context));
  self->Take(context, self->step_, count, values);
}

void UserAggregate::Inverse(sqlite3_context* context, int count, sqlite3_value** values) {
  const auto* self = static_cast<const UserAggregate*>(sqlite3_user_data(context));
  self->Take(context, self->inverse_, count, values);
}

void UserAggregate::Take(sqlite3_context* context, const Reference& function, int count, sqlite3_value** values) const {
  const Reentry reentry(borrowed_connection_);
  if (!reentry.is_possible()) return Fail(context);
  napi_env env = reentry.env();
  Accumulator* accumulator = Begun(env, context);
  if (accumulator == nullptr) return;
  napi_value holder = accumulator->holder->value();
  napi_value value;
  if (napi_get_element(env, holder, 0, &value) != napi_ok) return Fail(context);
  const CallArguments arguments(env, value, count, values, is_big_int_);
  napi_value returned = arguments.Call(function.value());
  if (returned == nullptr) return Fail(context);
  if (!HasType(env, returned, napi_undefined) && napi_set_element(env, holder, 0, returned) != napi_ok) Fail(context);
}

void UserAggregate::Value(sqlite3_context* context) {
  const auto* self = static_cast<const UserAggregate*>(sqlite3_user_data(context));
  const Reentry reentry(self->borrowed_connection_);
  if (!reentry.is_possible()) return Fail(context);
  Accumulator* accumulator = self->Begun(reentry.env(), context);
  if (accumulator == nullptr) return;
  accumulator->is_window = true;
  if (!self->GiveValue(reentry.env(), context, *accumulator)) Fail(context);
}

void UserAggregate::Final(sqlite3_context* context) {
  const auto* self = static_cast<const UserAggregate*>(sqlite3_user_data(context));
  const Reentry reentry(self->borrowed_connection_);
  if (!reentry.is_possible()) return Fail(context);
  Accumulator* accumulator = self->Begun(reentry.env(), context);
  if (accumulator == nullptr) return;
  // A window has given its values before; nobody asks for this one.
  if (!accumulator->is_window && !self->GiveValue(reentry.env(), context, *accumulator)) return Fail(context);
  Drop(*accumulator);
}

bool UserAggregate::GiveValue(napi_env env, sqlite3_context* context, const Accumulator& accumulator) const {
  napi_value value;
  if (napi_get_element(env, accumulator.holder->value(), 0, &value) != napi_ok) return false;
  if (!result_.is_empty()) value = CallArguments(env, value, 0, nullptr, is_big_int_).Call(result_.value());
  return value != nullptr && SetResult(env, context, value, who_.c_str());
}

UserAggregate::Accumulator* UserAggregate::Begun(napi_env env, sqlite3_context* context) const {
  auto* accumulator = static_cast<Accumulator*>(sqlite3_aggregate_context(context, sizeof(Accumulator)));
  if (accumulator == nullptr) {
    sqlite3_result_error_nomem(context);
    return nullptr;
  }
  if (accumulator->has_begun) return accumulator->holder == nullptr ? nullptr : accumulator;
  accumulator->has_begun = true;
  napi_value value = CallArguments(env, nullptr, 0, nullptr, is_big_int_).Call(start_.value());
  napi_value array;
  if (value != nullptr && napi_create_array_with_length(env, 1, &array) == napi_ok && napi_set_element(env, array, 0, value) == napi_ok) {
    std::unique_ptr<Reference> holder(new (std::nothrow) Reference(env, array));
    if (holder != nullptr && !holder->is_empty()) {
      accumulator->holder = holder.release();
      return accumulator;
    }
  }
  ThrowUnlessPending(env, "Out of memory");
  Fail(context);
  return nullptr;
}

void UserAggregate::Drop(Accumulator& accumulator) {
  delete accumulator.holder;
  accumulator.holder = nullptr;
}

void UserAggregate::Fail(sqlite3_context* context) {
  // Without memory for it there is none to drop.
  auto* accumulator = static_cast<Accumulator*>(sqlite3_aggregate_context(context, 0));
  if (accumulator != nullptr) Drop(*accumulator);
  FailFunction(context);
}

void UserAggregate::Destroy(void* self) {
  delete static_cast<UserAggregate*>(self);
}

}  // namespace rowtap::node
