#include "node/bind.h"

#include "node/errors.h"
#include "node/values.h"

namespace rowtap::node {

namespace {

// Whether only JavaScript of this thread can change the bytes, or take them away. Another one's could change shared memory while SQLite
// writes it into table and index.
bool StaysAsItIs(napi_env env, napi_value view) {
  bool is_typed_array = false;
  if (napi_is_typedarray(env, view, &is_typed_array) != napi_ok || !is_typed_array) return false;
  napi_value buffer = nullptr;
  bool is_own = false;
  return napi_get_typedarray_info(env, view, nullptr, nullptr, nullptr, &buffer, nullptr) == napi_ok &&
         napi_is_arraybuffer(env, buffer, &is_own) == napi_ok && is_own;
}

}  // namespace

// One parameter, as what HandOver gives a value to.
class ParameterBinder::Slot {
 public:
  Slot(ParameterBinder& binder, int index) : binder_(binder), index_(index) {}

  int Number(double number) const { return sqlite3_bind_double(binder_.borrowed_statement_, index_, number); }
  int Integer(int64_t integer) const { return sqlite3_bind_int64(binder_.borrowed_statement_, index_, integer); }
  int Null() const { return sqlite3_bind_null(binder_.borrowed_statement_, index_); }
  int Text(napi_value value) const;
  int Blob(napi_value value, const void* bytes, size_t length) const {
    binder_.holds_memory_ = true;
    const bool is_borrowed =
        length >= kShortestBorrowed && binder_.lifetime_ == Lifetime::kThisCallAlone && StaysAsItIs(binder_.env_, value);
    return sqlite3_bind_blob64(binder_.borrowed_statement_, index_, bytes, length, is_borrowed ? SQLITE_STATIC : SQLITE_TRANSIENT);
  }

 private:
  ParameterBinder& binder_;
  const int index_;
};

bool ParameterBinder::Bind(const napi_value* values, size_t count) {
  for (size_t at = 0; at < count; at++) {
    const int code = HandOver(env_, values[at], Slot(*this, static_cast<int>(at) + 1));
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
      case SQLITE_NOMEM:
        ThrowSqliteError(environment_, sqlite3_errstr(code), code);
        break;
      default:
        ThrowUnlessPending(env_, "A parameter could not be bound");
    }
    return false;
  }
  return true;
}

int ParameterBinder::Slot::Text(napi_value value) const {
  binder_.holds_memory_ = true;
  napi_env env = binder_.env_;
  size_t length = 0;
  const size_t room = sizeof binder_.texts_ - binder_.used_;
  if (binder_.lifetime_ != Lifetime::kCopied && room >= kFirstTry) {
    char* text = binder_.texts_ + binder_.used_;
    if (napi_get_value_string_utf8(env, value, text, kFirstTry, &length) != napi_ok) return kExceptionPending;
    // One character more, of up to 4 bytes, and the NUL have to fit, or the text may have been cut off.
    bool is_whole = length + 5 <= kFirstTry;
    if (!is_whole) {
      size_t characters = 0;
      // Asked for Latin-1, Node-API knows the length without looking at them.
      if (napi_get_value_string_latin1(env, value, nullptr, 0, &characters) != napi_ok) return kExceptionPending;
      if (characters + 5 <= room) {
        if (napi_get_value_string_utf8(env, value, text, room, &length) != napi_ok) return kExceptionPending;
        is_whole = length + 5 <= room;
      }
    }
    if (is_whole) {
      binder_.used_ += length;
      return sqlite3_bind_text64(binder_.borrowed_statement_, index_, text, length, SQLITE_STATIC, SQLITE_UTF8);
    }
  }
  char* text = nullptr;
  if (const int code = CopyText(env, value, &text, &length); code != SQLITE_OK) return code;
  // SQLite frees it, also when it refuses it.
  return sqlite3_bind_text64(binder_.borrowed_statement_, index_, text, length, sqlite3_free, SQLITE_UTF8);
}

}  // namespace rowtap::node
