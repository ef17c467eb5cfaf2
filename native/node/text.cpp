#include "node/text.h"

#include <cstdint>
#include <cstring>

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

namespace {

uint64_t WordAt(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace

bool IsAscii(const char* text, size_t length) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  constexpr size_t kBlock = 64;
  size_t at = 0;
  for (; at + kBlock <= length; at += kBlock) {
    // In pairs, so that none waits for all that were read before it.
    const char* block = text + at;
    const uint64_t first = (WordAt(block) | WordAt(block + 8)) | (WordAt(block + 16) | WordAt(block + 24));
    const uint64_t second = (WordAt(block + 32) | WordAt(block + 40)) | (WordAt(block + 48) | WordAt(block + 56));
    if (((first | second) & kHighBits) != 0) return false;
  }
  uint64_t seen = 0;
  for (; at + 8 <= length; at += 8) seen |= WordAt(text + at);
  for (; at < length; at++) seen |= static_cast<unsigned char>(text[at]);
  return (seen & kHighBits) == 0;
}

napi_value TextValue(napi_env env, const char* text, size_t length) {
  // V8 looks at each word of UTF-8 to find out the same, and takes longer.
  constexpr size_t kShortestWorthALook = 256;
  napi_value value;
  const napi_status status = length >= kShortestWorthALook && IsAscii(text, length) ? napi_create_string_latin1(env, text, length, &value)
                                                                                    : napi_create_string_utf8(env, text, length, &value);
  if (status == napi_ok) return value;
  ThrowUnlessPending(env, "A text is too long for a JavaScript string");
  return nullptr;
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
