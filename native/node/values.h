// Values between SQLite and JavaScript, with the types that better-sqlite3 gives them. To JavaScript: a number, or with `is_big_int` a
// bigint for an INTEGER; a string; a Buffer; null. To SQLite: every number is REAL and every bigint INTEGER (a column's affinity turns 1.0
// into 1 where it should), null and undefined are NULL.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

#include "sqlite3.h"

namespace rowtap::node {

// Of the current row. Null where a JavaScript exception is pending, or SQLite had no memory for it: then the statement's end says so.
napi_value ColumnValue(napi_env env, sqlite3_stmt* statement, int column, bool is_big_int);
// As ColumnValue, for a column that is known to hold a text, or a blob.
napi_value ColumnText(napi_env env, sqlite3_stmt* statement, int column);
napi_value ColumnBlob(napi_env env, sqlite3_stmt* statement, int column);

// An argument that SQLite calls a function with. Null in the same cases.
napi_value ArgumentValue(napi_env env, sqlite3_value* argument, bool is_big_int);

// What a value has become, beside SQLite's codes.
inline constexpr int kBadType = -1;
inline constexpr int kExceptionPending = -2;

// Gives `value` to one of the target's functions: Number(double), Integer(int64_t), Null(), Text(napi_value) or Blob(napi_value, const
// void*, size_t). Returns that one's code, or kBadType; SQLITE_TOOBIG for a bigint of more than 64 bits.
template <typename Target>
int HandOver(napi_env env, napi_value value, Target&& target) {
  // The commonest first, which is known for what it is by being read.
  double number;
  const napi_status status = napi_get_value_double(env, value, &number);
  if (status == napi_ok) return target.Number(number);
  napi_valuetype type;
  if (status != napi_number_expected || napi_typeof(env, value, &type) != napi_ok) return kExceptionPending;
  switch (type) {
    case napi_string:
      return target.Text(value);
    case napi_bigint: {
      int64_t integer;
      bool is_lossless;
      if (napi_get_value_bigint_int64(env, value, &integer, &is_lossless) != napi_ok) return kExceptionPending;
      return is_lossless ? target.Integer(integer) : SQLITE_TOOBIG;
    }
    case napi_null:
    case napi_undefined:
      return target.Null();
    case napi_object: {
      bool is_buffer = false;
      void* bytes = nullptr;
      size_t length = 0;
      if (napi_is_buffer(env, value, &is_buffer) != napi_ok || !is_buffer) return kBadType;
      if (napi_get_buffer_info(env, value, &bytes, &length) != napi_ok) return kExceptionPending;
      // Without a pointer SQLite would take NULL.
      return target.Blob(value, bytes == nullptr ? "" : bytes, length);
    }
    default:
      return kBadType;
  }
}

// A string as UTF-8, in memory that sqlite3_free frees. SQLITE_OK, SQLITE_NOMEM or kExceptionPending.
int CopyText(napi_env env, napi_value value, char** text, size_t* length);

// Makes `value` the result of a function. False, with a TypeError or a RangeError thrown that says `who` has given it, for what SQLite
// can't store. One that is longer than the connection allows becomes an error of the statement's.
bool SetResult(napi_env env, sqlite3_context* context, napi_value value, const char* who);

}  // namespace rowtap::node
