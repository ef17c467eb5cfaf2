// Text between JavaScript and C++.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <string>

#include "sqlite3.h"

namespace rowtap::node {

// As UTF-8; unpaired surrogates become U+FFFD. False, with nothing thrown, for what is not a string.
bool ReadText(napi_env env, napi_value value, std::string* text);

// A statement's SQL with the bound values in it, or, where that would be too long, without. Null where an exception is pending.
napi_value ExpandedSql(napi_env env, sqlite3_stmt* statement);

bool IsAscii(const char* text, size_t length);

// Of UTF-8. Null where an exception is pending.
napi_value TextValue(napi_env env, const char* text, size_t length);

// White space or a semicolon: what may stand between two statements.
inline bool IsBetweenStatements(char c) {
  return c == ' ' || c == ';' || (c >= '\t' && c <= '\r');
}

// A string, or null for a null pointer.
napi_value TextOrNull(napi_env env, const char* text);

}  // namespace rowtap::node
