#include "node/bind.h"

#include "node/errors.h"

namespace rowtap::node {

bool ParameterBinder::Bind(const napi_value* values, size_t count) {
  for (size_t at = 0; at < count; at++) {
    const int code = BindValue(static_cast<int>(at) + 1, values[at]);
    if (code == SQLITE_OK) continue;
    sqlite3_clear_bindings(borrowed_statement_);
    switch (code) {
      case kBadType:
        napi_throw_type_error(env_, nullptr, "Only numbers, bigints, strings, buffers, null and undefined can be bound");
        break;
      case SQLITE_TOOBIG:
        napi_throw_range_error(env_, nullptr, "A bound value is too big: bigints have 64 bits, texts and buffers SQLite's length limit");
        break;
      case SQLITE_RANGE:
        napi_throw_range_error(env_, nullptr, "More parameter values were given than the statement has parameters");
        break;
      default:
        ThrowUnlessPending(env_, code == SQLITE_NOMEM ? "Out of memory" : "A parameter could not be bound");
    }
    return false;
  }
  return true;
}

int ParameterBinder::BindValue(int index, napi_value value) {
  napi_valuetype type;
  if (napi_typeof(env_, value, &type) != napi_ok) return kPending;
  switch (type) {
    case napi_number: {
      double number;
      if (napi_get_value_double(env_, value, &number) != napi_ok) return kPending;
      return sqlite3_bind_double(borrowed_statement_, index, number);
    }
    case napi_string:
      return BindText(index, value);
    case napi_bigint: {
      int64_t integer;
      bool is_lossless;
      if (napi_get_value_bigint_int64(env_, value, &integer, &is_lossless) != napi_ok) return kPending;
      return is_lossless ? sqlite3_bind_int64(borrowed_statement_, index, integer) : SQLITE_TOOBIG;
    }
    case napi_null:
    case napi_undefined:
      return sqlite3_bind_null(borrowed_statement_, index);
    case napi_object:
      return BindBlob(index, value);
    default:
      return kBadType;
  }
}

int ParameterBinder::BindText(int index, napi_value value) {
  size_t length = 0;
  if (lifetime_ == Lifetime::kThisCall && used_ < sizeof texts_) {
    // One character more, of up to 4 bytes, and the NUL have to fit, or the text may have been cut off.
    const size_t room = sizeof texts_ - used_;
    if (napi_get_value_string_utf8(env_, value, texts_ + used_, room, &length) != napi_ok) return kPending;
    if (length + 5 <= room) {
      const char* text = texts_ + used_;
      used_ += length;
      return sqlite3_bind_text64(borrowed_statement_, index, text, length, SQLITE_STATIC, SQLITE_UTF8);
    }
  }
  if (napi_get_value_string_utf8(env_, value, nullptr, 0, &length) != napi_ok) return kPending;
  auto* text = static_cast<char*>(sqlite3_malloc64(length + 1));
  if (text == nullptr) return SQLITE_NOMEM;
  if (napi_get_value_string_utf8(env_, value, text, length + 1, &length) != napi_ok) {
    sqlite3_free(text);
    return kPending;
  }
  // SQLite frees it, also when it refuses it.
  return sqlite3_bind_text64(borrowed_statement_, index, text, length, sqlite3_free, SQLITE_UTF8);
}

int ParameterBinder::BindBlob(int index, napi_value value) {
  bool is_buffer = false;
  void* bytes = nullptr;
  size_t length = 0;
  if (napi_is_buffer(env_, value, &is_buffer) != napi_ok || !is_buffer) return kBadType;
  if (napi_get_buffer_info(env_, value, &bytes, &length) != napi_ok) return kPending;
  // Copied in any case: JavaScript that a step calls could change or detach the buffer. Without a pointer SQLite would bind NULL.
  return sqlite3_bind_blob64(borrowed_statement_, index, bytes == nullptr ? "" : bytes, length, SQLITE_TRANSIENT);
}

}  // namespace rowtap::node
