// Errors on their way to JavaScript.
#pragma once

#include <node_api.h>

#include <string>

namespace rowtap::node {

class WriterEnvironment;

// The name that sqlite3.h has for a result code, extended ones included; "UNKNOWN_SQLITE_ERROR_<n>" for one it has not.
std::string SqliteCodeName(int code);

bool IsExceptionPending(napi_env env);

// Throws the SqliteError class that was registered with `setSqliteError`. `message` is SQLite's, in UTF-8. An exception that is pending
// already stays: it comes from JavaScript that SQLite called, and is the reason of the failure.
void ThrowSqliteError(const WriterEnvironment& environment, const std::string& message, int code);

// For the end of a function that failed: throws an Error unless an exception is pending already, and returns false.
bool ThrowUnlessPending(napi_env env, const char* message);
bool ThrowTypeErrorUnlessPending(napi_env env, const char* message);

}  // namespace rowtap::node
