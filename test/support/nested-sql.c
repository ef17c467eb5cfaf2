/* An extension whose functions run SQL on their own connection, inside the step of the statement that calls them. */
#include <sqlite3ext.h>
#include <stddef.h>
SQLITE_EXTENSION_INIT1

/* run_sql(text): SQLite's code, as a number. */
static void RunSql(sqlite3_context* context, int count, sqlite3_value** values) {
  (void)count;
  const char* sql = (const char*)sqlite3_value_text(values[0]);
  sqlite3_result_int(context, sqlite3_exec(sqlite3_context_db_handle(context), sql, NULL, NULL, NULL));
}

static int AllowCommit(void* argument) {
  (void)argument;
  return 0;
}

/* take_hooks(): an extension that wants to hear of commits itself. */
static void TakeHooks(sqlite3_context* context, int count, sqlite3_value** values) {
  (void)count;
  (void)values;
  sqlite3* db = sqlite3_context_db_handle(context);
  sqlite3_commit_hook(db, AllowCommit, NULL);
  sqlite3_rollback_hook(db, NULL, NULL);
}

int sqlite3_nestedsql_init(sqlite3* db, char** message, const sqlite3_api_routines* api) {
  (void)message;
  SQLITE_EXTENSION_INIT2(api);
  const int code = sqlite3_create_function(db, "run_sql", 1, SQLITE_UTF8, NULL, RunSql, NULL, NULL);
  return code != SQLITE_OK ? code : sqlite3_create_function(db, "take_hooks", 0, SQLITE_UTF8, NULL, TakeHooks, NULL, NULL);
}

/* Runs SQL while it is being loaded. */
int write_while_loading(sqlite3* db, char** message, const sqlite3_api_routines* api) {
  SQLITE_EXTENSION_INIT2(api);
  return sqlite3_exec(db, "CREATE TABLE made (a); INSERT INTO made VALUES (1); INSERT INTO made VALUES (2)", NULL, NULL, message);
}

/* Gives every connection that is opened later the functions too. */
int load_everywhere(sqlite3* db, char** message, const sqlite3_api_routines* api) {
  const int code = sqlite3_nestedsql_init(db, message, api);
  return code != SQLITE_OK ? code : sqlite3_auto_extension((void (*)(void))sqlite3_nestedsql_init) | SQLITE_OK_LOAD_PERMANENTLY;
}

int refuse_to_load(sqlite3* db, char** message, const sqlite3_api_routines* api) {
  (void)db;
  SQLITE_EXTENSION_INIT2(api);
  *message = sqlite3_mprintf("not today");
  return SQLITE_ERROR;
}
