// Virtual tables whose rows come from JavaScript.
#pragma once

#include <node_api.h>

#include <string>

#include "node/reference.h"
#include "sqlite3.h"

namespace rowtap::node {

class Connection;

// A module of virtual tables (https://www.sqlite.org/vtab.html). Each table is made by its JavaScript function `connect`: for an eponymous
// module once, for another one at each CREATE VIRTUAL TABLE, and whenever a connection meets a table that exists.
//
// Parameters are hidden columns, in front of the others. What a statement says they are equal to is handed to the table's `scan`, which
// gives the rows one by one.
//
// Owned by SQLite, which destroys it when the module has been replaced, or its connection closed, and none of its tables is left. Nothing
// of the connection is used then.
class UserTable {
 public:
  // The method `defineTable` of a connection.
  static napi_value Define(napi_env env, napi_callback_info info);

 private:
  // Owned by SQLite from `Connect` to `Disconnect`.
  struct Table;
  // Owned by SQLite from `Open` to `Close`.
  struct Cursor;

  UserTable(napi_env env, const Connection& connection, const std::string& name, napi_value connect);

  static const sqlite3_module* Module(bool is_eponymous);
  static int Create(sqlite3* db, void* self, int count, const char* const* arguments, sqlite3_vtab** table, char** message);
  static int Connect(sqlite3* db, void* self, int count, const char* const* arguments, sqlite3_vtab** table, char** message);
  static int Plan(sqlite3_vtab* table, sqlite3_index_info* plan);
  static int Disconnect(sqlite3_vtab* table);
  static int Open(sqlite3_vtab* table, sqlite3_vtab_cursor** cursor);
  static int Close(sqlite3_vtab_cursor* cursor);
  static int Scan(sqlite3_vtab_cursor* cursor, int given, const char* unused, int count, sqlite3_value** values);
  static int Next(sqlite3_vtab_cursor* cursor);
  static int IsAtEnd(sqlite3_vtab_cursor* cursor);
  static int Column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column);
  static int Rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid);
  static void Destroy(void* self);

  const Connection& borrowed_connection_;
  const std::string who_;  // as SetResult wants it
  const Reference connect_;
};

}  // namespace rowtap::node
