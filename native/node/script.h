// SQL of any number of statements, as `exec` is given it.
#pragma once

#include <node_api.h>

#include <string>

namespace rowtap::node {

class Connection;

// Runs the statements of `sql` one after the other on an open connection, which is busy meanwhile, up to the first that fails. Returns
// SQLite's code, with its words in `message`; -1 where `logger`, which may be null and is called with each, threw, or where an exception of
// a user-defined function has come through a statement that did not fail.
int RunScript(Connection& connection, const std::string& sql, napi_value logger, std::string* message);

}  // namespace rowtap::node
