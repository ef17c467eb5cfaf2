#include "node/values.h"

#include "node/errors.h"
#include "node/text.h"

namespace rowtap::node {

namespace {

struct Column {
  sqlite3_stmt* statement;
  int column;
  int type() const { return sqlite3_column_type(statement, column); }
  int64_t integer() const { return sqlite3_column_int64(statement, column); }
  double real() const { return sqlite3_column_double(statement, column); }
  const void* text() const { return sqlite3_column_text(statement, column); }
  const void* blob() const { return sqlite3_column_blob(statement, column); }
  int bytes() const { return sqlite3_column_bytes(statement, column); }
};

struct Argument {
  sqlite3_value* value;
  int type() const { return sqlite3_value_type(value); }
  int64_t integer() const { return sqlite3_value_int64(value); }
  double real() const { return sqlite3_value_double(value); }
  const void* text() const { return sqlite3_value_text(value); }
  const void* blob() const { return sqlite3_value_blob(value); }
  int bytes() const { return sqlite3_value_bytes(value); }
};

// The text, or the blob, before its length: asking for the length may convert, after which the pointer is another.
template <typename From>
napi_value TextOf(napi_env env, const From& from) {
  const char* text = static_cast<const char*>(from.text());
  return text == nullptr ? nullptr : TextValue(env, text, static_cast<size_t>(from.bytes()));
}

template <typename From>
napi_value BlobOf(napi_env env, const From& from) {
  const void* blob = from.blob();
  // An empty one has no pointer. Where zeros could not be written out, it is no blob any more.
  if (blob == nullptr && from.type() != SQLITE_BLOB) return nullptr;
  const size_t length = blob == nullptr ? 0 : static_cast<size_t>(from.bytes());
  napi_value value;
  if (napi_create_buffer_copy(env, length, blob == nullptr ? "" : blob, nullptr, &value) == napi_ok) return value;
  ThrowUnlessPending(env, "A blob could not be handed to JavaScript: out of memory");
  return nullptr;
}

template <typename From>
napi_value ValueOf(napi_env env, const From& from, bool is_big_int) {
  napi_value value = nullptr;
  switch (from.type()) {
    case SQLITE_INTEGER:
      if (is_big_int)
        napi_create_bigint_int64(env, from.integer(), &value);
      else
        napi_create_int64(env, from.integer(), &value);
      break;
    case SQLITE_FLOAT:
      napi_create_double(env, from.real(), &value);
      break;
    case SQLITE_TEXT:
      return TextOf(env, from);
    case SQLITE_BLOB:
      return BlobOf(env, from);
    default:
      napi_get_null(env, &value);
  }
  if (value == nullptr) ThrowUnlessPending(env, "Out of memory");
  return value;
}

// What is too long for the connection SQLite finds itself, and fails the statement.
struct Result {
  napi_env env;
  sqlite3_context* context;

  int Number(double number) const {
    sqlite3_result_double(context, number);
    return SQLITE_OK;
  }
  int Integer(int64_t integer) const {
    sqlite3_result_int64(context, integer);
    return SQLITE_OK;
  }
  int Null() const {
    sqlite3_result_null(context);
    return SQLITE_OK;
  }
  int Text(napi_value value) const {
    char* text = nullptr;
    size_t length = 0;
    const int code = CopyText(env, value, &text, &length);
    if (code == SQLITE_OK) sqlite3_result_text64(context, text, length, sqlite3_free, SQLITE_UTF8);
    return code;
  }
  int Blob(napi_value, const void* bytes, size_t length) const {
    sqlite3_result_blob64(context, bytes, length, SQLITE_TRANSIENT);
    return SQLITE_OK;
  }
};

}  // namespace

napi_value ColumnValue(napi_env env, sqlite3_stmt* statement, int column, bool is_big_int) {
  return ValueOf(env, Column{statement, column}, is_big_int);
}

napi_value ColumnText(napi_env env, sqlite3_stmt* statement, int column) {
  return TextOf(env, Column{statement, column});
}

napi_value ColumnBlob(napi_env env, sqlite3_stmt* statement, int column) {
  return BlobOf(env, Column{statement, column});
}

napi_value ArgumentValue(napi_env env, sqlite3_value* argument, bool is_big_int) {
  return ValueOf(env, Argument{argument}, is_big_int);
}

int CopyText(napi_env env, napi_value value, char** text, size_t* length) {
  // For shorter ones it does not matter how much memory they have for the moment.
  constexpr size_t kMostWithRoom = 40 * 1024;
  size_t characters = 0;
  // Asked for Latin-1, Node-API knows the length without looking at them.
  if (napi_get_value_string_latin1(env, value, nullptr, 0, &characters) != napi_ok) return kExceptionPending;
  // No more than 3 bytes for a UTF-16 code unit. To find out how many there are takes as long as to write them.
  size_t room = characters * 3;
  if (characters > kMostWithRoom && napi_get_value_string_utf8(env, value, nullptr, 0, &room) != napi_ok) return kExceptionPending;
  auto* copy = static_cast<char*>(sqlite3_malloc64(room + 1));
  if (copy == nullptr) return SQLITE_NOMEM;
  if (napi_get_value_string_utf8(env, value, copy, room + 1, length) != napi_ok) {
    sqlite3_free(copy);
    return kExceptionPending;
  }
  *text = copy;
  return SQLITE_OK;
}

bool SetResult(napi_env env, sqlite3_context* context, napi_value value, const char* who) {
  const int code = HandOver(env, value, Result{env, context});
  // Not a std::string: nothing may be thrown through SQLite.
  char message[512];
  switch (code) {
    case SQLITE_OK:
      return true;
    case SQLITE_NOMEM:
      sqlite3_result_error_nomem(context);
      return true;
    case SQLITE_TOOBIG:
      sqlite3_snprintf(sizeof message, message, "%s a bigint that does not fit into 64 bits", who);
      napi_throw_range_error(env, nullptr, message);
      return false;
    case kBadType:
      sqlite3_snprintf(sizeof message, message,
                       "%s what SQLite can't store: it takes numbers, bigints, strings, buffers, null and undefined", who);
      napi_throw_type_error(env, nullptr, message);
      return false;
    default:
      return ThrowUnlessPending(env, "A result could not be handed to SQLite");
  }
}

}  // namespace rowtap::node
