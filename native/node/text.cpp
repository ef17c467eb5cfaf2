#include "node/text.h"

#include "node/errors.h"

namespace rowtap::node {

bool ReadText(napi_env env, napi_value value, std::string* text) {
  size_t length = 0;
  char small[1024];
  if (napi_get_value_string_utf8(env, value, small, sizeof small, &length) != napi_ok) return false;
  // With room for another character, of up to 4 bytes, and the NUL, it has not been cut off.
  if (length + 5 <= sizeof small) {
    text->assign(small, length);
    return true;
  }
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  // Node-API writes a NUL behind the text.
  text->resize(length + 1);
  if (napi_get_value_string_utf8(env, value, text->data(), length + 1, &length) != napi_ok) return false;
  text->resize(length);
  return true;
}

napi_value ExpandedSql(napi_env env, sqlite3_stmt* statement) {
  char* expanded = sqlite3_expanded_sql(statement);
  napi_value text = nullptr;
  const char* sql = expanded == nullptr ? sqlite3_sql(statement) : expanded;
  if (napi_create_string_utf8(env, sql, NAPI_AUTO_LENGTH, &text) != napi_ok) ThrowUnlessPending(env, "Out of memory");
  sqlite3_free(expanded);
  return text;
}

napi_value TextOrNull(napi_env env, const char* text) {
  napi_value value = nullptr;
  if (text == nullptr) {
    napi_get_null(env, &value);
  } else if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) != napi_ok) {
    ThrowUnlessPending(env, "Out of memory");
  }
  return value;
}

}  // namespace rowtap::node
