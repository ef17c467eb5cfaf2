// Part of amalgamation.c, not compiled by itself: statements. What kind one is, how many are being run, and what became of
// what a failed one had changed.

// The first two letters of the SQL in lower case, as one number; 0 where a comment stands before them.
static int FirstLetters(const Vdbe* v) {
  const char* sql = v->zSql;
  if (sql == NULL) return 0;
  while (sqlite3Isspace(*sql) || *sql == ';') sql++;
  if (!sqlite3Isalpha(*sql)) return 0;
  return sqlite3Tolower((unsigned char)sql[0]) << 8 | sqlite3Tolower((unsigned char)sql[1]);
}

int rowtap_statement_kind(sqlite3_stmt* statement) {
  const Vdbe* v = (const Vdbe*)statement;
  int sets_cookie = 0;
  int reads_schema = 0;
  int letters;
  int at;
  if (v->explain) return ROWTAP_STATEMENT_READ;
  // BEGIN, COMMIT and SAVEPOINT count as read-only too, but have no result columns.
  if (v->readOnly && v->nResColumn > 0) return ROWTAP_STATEMENT_READ;
  // INSERT, UPDATE and DELETE count changes; asked first, since they are what is run most. So does a DROP TABLE that deletes the rows
  // first, for the sake of foreign keys.
  letters = FirstLetters(v);
  if (v->changeCntOn && letters != 0 && letters != ('d' << 8 | 'r')) return ROWTAP_STATEMENT_WRITE;
  for (at = 0; at < v->nOp; at++) {
    const Op* op = &v->aOp[at];
    switch (op->opcode) {
      case OP_Vacuum:
        return ROWTAP_STATEMENT_VACUUM;
      case OP_Savepoint:
        return op->p1 == SAVEPOINT_ROLLBACK ? ROWTAP_STATEMENT_ROLLBACK_TO : ROWTAP_STATEMENT_OTHER;
      case OP_SetCookie:
        if (op->p1 == 0 && op->p2 == BTREE_SCHEMA_VERSION) sets_cookie = 1;
        break;
      // PRAGMA schema_version sets the cookie too, but leaves the schema in memory as it is.
      case OP_ParseSchema:
      case OP_DropTable:
      case OP_DropIndex:
      case OP_DropTrigger:
        reads_schema = 1;
        break;
      default:
        break;
    }
  }
  if (sets_cookie && reads_schema) return ROWTAP_STATEMENT_SCHEMA;
  return v->changeCntOn ? ROWTAP_STATEMENT_WRITE : ROWTAP_STATEMENT_OTHER;
}

int rowtap_may_change_schema(sqlite3_stmt* statement) {
  switch (FirstLetters((const Vdbe*)statement)) {
    case 0:
    case 'a' << 8 | 'l':
    case 'c' << 8 | 'r':
    case 'd' << 8 | 'r':
      return 1;
    default:
      return 0;
  }
}

int rowtap_moves_savepoints(sqlite3_stmt* statement) {
  const Vdbe* v = (const Vdbe*)statement;
  int at;
  for (at = 0; at < v->nOp; at++) {
    if (v->aOp[at].opcode == OP_Savepoint) return 1;
  }
  return 0;
}

int rowtap_running_statements(sqlite3* db) {
  return db->nVdbeRead;
}

int rowtap_writing_statements(sqlite3* db) {
  return db->nVdbeWrite;
}

// Errors that a statement's own program finds, before it announces the row that they keep it from writing.
static int IsFoundByProgram(int code) {
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
      return 1;
    default:
      return 0;
  }
}

int rowtap_failed_effect(sqlite3_stmt* statement) {
  const Vdbe* v = (const Vdbe*)statement;
  if (v->errorAction == OE_Fail) return ROWTAP_EFFECT_STAYS;
  if (v->usesStmtJournal || sqlite3BtreePager(v->db->aDb[0].pBt)->eState < PAGER_WRITER_CACHEMOD) return ROWTAP_EFFECT_UNDONE;
  return IsFoundByProgram(v->rc) ? ROWTAP_EFFECT_STAYS : ROWTAP_EFFECT_UNKNOWN;
}
