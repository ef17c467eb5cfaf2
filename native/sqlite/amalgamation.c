// SQLite itself, compiled as a part of this file so that a handful of questions can be answered from its structures. deps/sqlite3 holds
// the unmodified source; options.h says with which options and why.
#include "options.h"

#include "sqlite3.c"

#include "internals.h"

#ifdef SQLITE_ENABLE_PREUPDATE_HOOK

// UPDATE's new record has been made before the hook is called for the old one. It lies in register p2 of the OP_Insert that will store it:
// the one marked ISUPDATE whose key register is the hook's. `hint` is where it was found last time in some program; a wrong hint is
// noticed.
static const Mem* FindUpdatedRecord(const Vdbe* v, int key_register) {
  static _Thread_local int hint = 0;
  const Op* ops = v->aOp;
  int at = hint;
  if (at >= v->nOp || ops[at].opcode != OP_Insert || ops[at].p3 != key_register || !(ops[at].p5 & OPFLAG_ISUPDATE)) {
    for (at = 0; at < v->nOp; at++) {
      if (ops[at].opcode == OP_Insert && ops[at].p3 == key_register && (ops[at].p5 & OPFLAG_ISUPDATE)) break;
    }
    if (at == v->nOp) return NULL;
    hint = at;
  }
  return &v->aMem[ops[at].p2];
}

void rowtap_read_change(sqlite3* db, rowtap_change* change) {
  const PreUpdate* p = db->pPreUpdate;
  const Schema* schema = p->pTab->pSchema;
  change->statement = (const sqlite3_stmt*)p->v;
  change->table = p->pTab;
  // ANALYZE writes to sqlite_stat1 by a Table of its own making, that has neither schema nor columns.
  change->database = schema == NULL ? -1 : p->pCsr->iDb;
  change->cookie = schema == NULL ? 0 : schema->schema_cookie;
  change->generation = schema == NULL ? 0 : schema->iGeneration;
}

void rowtap_read_records(sqlite3* db, rowtap_change* change) {
  const PreUpdate* p = db->pPreUpdate;
  const Mem* record = NULL;
  change->depth = p->v->nFrame;
  change->is_blob_write = p->iBlobWrite >= 0;
  change->after = NULL;
  change->after_size = 0;
  change->after_zeros = 0;
  change->before = NULL;
  change->before_local = 0;
  change->before_size = 0;
  change->before_cursor = NULL;
  // Records of UTF-16 databases are not taken as they are: the stream's text is UTF-8.
  change->has_records = ENC(db) == SQLITE_UTF8;

  if (p->op != SQLITE_DELETE) {
    if (p->op == SQLITE_INSERT) {
      record = &p->v->aMem[p->iNewReg];
    } else if (p->pPk == NULL) {
      record = FindUpdatedRecord(p->v, p->iNewReg);
    }
    if (record == NULL || !(record->flags & MEM_Blob)) {
      change->has_records = 0;
      return;
    }
    change->after = (const unsigned char*)record->z;
    change->after_size = (uint32_t)record->n;
    change->after_zeros = (record->flags & MEM_Zero) ? (uint32_t)record->u.nZero : 0;
  }
  if (p->op != SQLITE_INSERT) {
    u32 local = 0;
    change->before_cursor = p->pCsr->uc.pCursor;
    change->before_size = sqlite3BtreePayloadSize(p->pCsr->uc.pCursor);
    change->before = sqlite3BtreePayloadFetch(p->pCsr->uc.pCursor, &local);
    change->before_local = local;
  }
}

int rowtap_copy_before(const rowtap_change* change, void* to) {
  if (change->before_local >= change->before_size) {
    memcpy(to, change->before, change->before_size);
    return SQLITE_OK;
  }
  return sqlite3BtreePayload(change->before_cursor, 0, change->before_size, to);
}

#else  // built without capture, to measure what capture costs

void rowtap_read_change(sqlite3* db, rowtap_change* change) {
  (void)db;
  memset(change, 0, sizeof *change);
  change->database = -1;
}

void rowtap_read_records(sqlite3* db, rowtap_change* change) {
  (void)db;
  (void)change;
}

int rowtap_copy_before(const rowtap_change* change, void* to) {
  (void)change;
  (void)to;
  return SQLITE_MISUSE;
}

#endif

sqlite3_value* rowtap_column_default(sqlite3* db, const void* table, int column) {
  Table* t = (Table*)table;
  Expr* expression = sqlite3ColumnExpr(t, &t->aCol[column]);
  sqlite3_value* value = NULL;
  if (expression != NULL && sqlite3ValueFromExpr(db, expression, ENC(db), t->aCol[column].affinity, &value) != SQLITE_OK) {
    sqlite3ValueFree(value);
    return NULL;
  }
  if (value == NULL) value = sqlite3ValueNew(db);
  return value;
}

void rowtap_run_out_of_memory(sqlite3* db) {
  sqlite3OomFault(db);
}

int rowtap_is_user_table(const void* table) {
  const Table* t = table;
  if (!IsOrdinaryTable(t) || (t->tabFlags & (TF_Shadow | TF_Ephemeral | TF_Imposter)) != 0) return 0;
  return sqlite3_strnicmp(t->zName, "sqlite_", 7) != 0 && sqlite3_strnicmp(t->zName, "_rowtap_", 8) != 0;
}

int rowtap_is_schema_table(const void* table) {
  return ((const Table*)table)->tnum == SCHEMA_ROOT;
}

static void AppendJsonString(sqlite3_str* out, const char* text) {
  sqlite3_str_appendchar(out, 1, '"');
  for (; *text != 0; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      sqlite3_str_appendchar(out, 1, '\\');
      sqlite3_str_appendchar(out, 1, (char)c);
    } else if (c < 0x20) {
      sqlite3_str_appendf(out, "\\u%04x", c);
    } else {
      sqlite3_str_appendchar(out, 1, (char)c);
    }
  }
  sqlite3_str_appendchar(out, 1, '"');
}

static const char* AffinityName(char affinity) {
  switch (affinity) {
    case SQLITE_AFF_TEXT:
      return "text";
    case SQLITE_AFF_NUMERIC:
      return "numeric";
    case SQLITE_AFF_INTEGER:
      return "integer";
    case SQLITE_AFF_REAL:
      return "real";
    default:
      return "blob";
  }
}

// The index that declares the primary key, which is the table itself where there is no rowid. NULL: none, or the rowid is the key.
static Index* KeyIndex(Table* t) {
  Index* index = t->pIndex;
  while (index != NULL && !IsPrimaryKeyIndex(index)) index = index->pNext;
  return index;
}

static int StoredPosition(Table* t, int column) {
  if (t->aCol[column].colFlags & COLFLAG_VIRTUAL) return -1;
  if (!HasRowid(t)) return sqlite3TableColumnToIndex(sqlite3PrimaryKeyIndex(t), column);
  return sqlite3TableColumnToStorage(t, (i16)column);
}

char* rowtap_describe_table(const void* table) {
  Table* t = (Table*)table;
  Index* key = KeyIndex(t);
  sqlite3_str* out = sqlite3_str_new(NULL);
  int i;
  sqlite3_str_appendall(out, "{\"name\":");
  AppendJsonString(out, t->zName);
  sqlite3_str_appendf(out, ",\"isWithoutRowid\":%s,\"rowidColumn\":%d,\"key\":[", HasRowid(t) ? "false" : "true", t->iPKey);
  if (t->iPKey >= 0) {
    sqlite3_str_appendf(out, "%d", t->iPKey);
  } else if (key != NULL) {
    for (i = 0; i < key->nKeyCol; i++) sqlite3_str_appendf(out, i == 0 ? "%d" : ",%d", key->aiColumn[i]);
  }
  sqlite3_str_appendall(out, "],\"columns\":[");
  for (i = 0; i < t->nCol; i++) {
    Column* column = &t->aCol[i];
    sqlite3_str_appendall(out, i == 0 ? "{\"name\":" : ",{\"name\":");
    AppendJsonString(out, column->zCnName);
    sqlite3_str_appendall(out, ",\"type\":");
    AppendJsonString(out, sqlite3ColumnType(column, ""));
    sqlite3_str_appendf(out, ",\"affinity\":\"%s\",\"isNotNull\":%s,\"generated\":\"%s\",\"position\":%d}", AffinityName(column->affinity),
                        column->notNull ? "true" : "false",
                        column->colFlags & COLFLAG_VIRTUAL  ? "virtual"
                        : column->colFlags & COLFLAG_STORED ? "stored"
                                                            : "no",
                        StoredPosition(t, i));
  }
  sqlite3_str_appendall(out, "]}");
  return sqlite3_str_finish(out);
}

const void* rowtap_find_table(sqlite3* db, const char* name) {
  const void* table;
  sqlite3_mutex_enter(db->mutex);
  table = sqlite3FindTable(db, name, "main");
  sqlite3_mutex_leave(db->mutex);
  return table;
}

int rowtap_stored_columns(const void* table, int* columns) {
  Table* t = (Table*)table;
  int count = 0;
  int i;
  if (!HasRowid(t)) {
    // The key's columns first, where one stands twice if it is declared with two collations.
    const Index* key = sqlite3PrimaryKeyIndex(t);
    for (i = 0; columns != NULL && i < key->nColumn; i++) columns[i] = key->aiColumn[i];
    return key->nColumn;
  }
  for (i = 0; i < t->nCol; i++) {
    const int position = StoredPosition(t, i);
    if (position < 0) continue;
    if (columns != NULL) columns[position] = i;
    count++;
  }
  return count;
}

const char* rowtap_column_name(const void* table, int column) {
  return ((const Table*)table)->aCol[column].zCnName;
}

int rowtap_rowid_column(const void* table) {
  return ((const Table*)table)->iPKey;
}

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

int rowtap_savepoint_depth(sqlite3* db) {
  return db->nSavepoint + db->isTransactionSavepoint;
}

int rowtap_transaction_state(sqlite3* db) {
  return sqlite3BtreeTxnState(db->aDb[0].pBt);
}

// memVfs: the content came from a buffer. What it counts is nobody else's.
static int IsNoFile(const Pager* pager) {
  return pager->memDb || pager->memVfs || pager->tempFile;
}

int rowtap_reads_beside_writes(sqlite3* db) {
  const Pager* pager = sqlite3BtreePager(db->aDb[0].pBt);
  return pager->pWal != NULL || IsNoFile(pager);
}

uint64_t rowtap_commit_counter(sqlite3* db) {
  const Pager* pager = sqlite3BtreePager(db->aDb[0].pBt);
  if (IsNoFile(pager)) return 0;
  // What was known is forgotten where a checkpoint behind a commit has found newer ones.
  if (pager->pWal != NULL) return pager->pWal->hdr.isInit ? (uint64_t)2 << 32 | pager->pWal->hdr.iChange : 0;
  // An exclusively locked file has no other writers, and its counter is not kept up.
  if (pager->exclusiveMode) return 0;
  return (uint64_t)1 << 32 | sqlite3Get4byte((const u8*)pager->dbFileVers);
}

static int NoteVacuum(void* arg, sqlite3* db, const char* schema, int frames) {
  rowtap_vacuum_watch* const watch = arg;
  if (sqlite3_stricmp(schema, db->aDb[0].zDbSName) == 0) watch->counter = rowtap_commit_counter(db);
  return watch->inner == NULL ? SQLITE_OK : watch->inner(watch->inner_arg, db, schema, frames);
}

void rowtap_begin_vacuum_watch(sqlite3* db, rowtap_vacuum_watch* watch) {
  sqlite3_mutex_enter(db->mutex);
  watch->inner = db->xWalCallback;
  watch->inner_arg = db->pWalArg;
  watch->counter = 0;
  db->xWalCallback = NoteVacuum;
  db->pWalArg = watch;
  sqlite3_mutex_leave(db->mutex);
}

uint64_t rowtap_end_vacuum_watch(sqlite3* db, rowtap_vacuum_watch* watch) {
  sqlite3_mutex_enter(db->mutex);
  if (db->xWalCallback == NoteVacuum && db->pWalArg == watch) {
    db->xWalCallback = watch->inner;
    db->pWalArg = watch->inner_arg;
  }
  sqlite3_mutex_leave(db->mutex);
  return watch->counter != 0 ? watch->counter : rowtap_commit_counter(db);
}

// Others write the header with memcpy, which is a race in the eyes of ThreadSanitizer: see walIndexWriteHdr.
#if defined(__GNUC__)
__attribute__((no_sanitize_thread))
#endif
uint64_t
rowtap_held_wal_bytes(sqlite3* db) {
  Btree* btree = db->aDb[0].pBt;
  Wal* wal = sqlite3BtreePager(btree)->pWal;
  u32 frames;
  if (wal == NULL || wal->readLock < 0) return 0;
  frames = AtomicLoad(&walIndexHdr(wal)->mxFrame);
  if (frames == 0) return 0;
  // The reader at mark 0 reads the file alone. It keeps others from moving frames there, but those that had been moved before it began do
  // not need it to end: the next writer begins the log anew.
  if (wal->readLock == 0 && AtomicLoad(&walCkptInfo(wal)->nBackfill) == frames) return 0;
  return (uint64_t)frames * ((uint64_t)sqlite3BtreeGetPageSize(btree) + WAL_FRAME_HDRSIZE) + WAL_HDRSIZE;
}

int rowtap_failed_commit_outcome(sqlite3* db, uint64_t counter_before) {
  const Pager* pager = sqlite3BtreePager(db->aDb[0].pBt);
  if (IsNoFile(pager)) return ROWTAP_COMMIT_UNDONE;
  // Undoing has read the shared header again, under the write lock.
  if (pager->pWal != NULL) return pager->pWal->hdr.iChange == (u32)counter_before ? ROWTAP_COMMIT_UNDONE : ROWTAP_COMMIT_DONE;
  // The counter's page is written with the others, before the journal goes.
  return counter_before != 0 && rowtap_commit_counter(db) == counter_before ? ROWTAP_COMMIT_UNDONE : ROWTAP_COMMIT_UNKNOWN;
}

// Errors of what is done before the journal goes.
static int IsBeforeCommitPoint(int code) {
  switch (code) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_IOERR_NOMEM:
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_WRITE:
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_FSTAT:
    case SQLITE_IOERR_DELETE:
      return 1;
    default:
      return 0;
  }
}

int rowtap_unknown_commit_outcome(sqlite3* db, uint64_t counter_before, uint64_t* counter) {
  Btree* btree = db->aDb[0].pBt;
  *counter = counter_before;
  if (sqlite3BtreePager(btree)->journalMode == PAGER_JOURNALMODE_DELETE && IsBeforeCommitPoint(sqlite3_extended_errcode(db))) {
    return ROWTAP_COMMIT_UNDONE;
  }
  *counter = 0;
  sqlite3_mutex_enter(db->mutex);
  if (db->nVdbeActive == 0 && sqlite3BtreeTxnState(btree) == SQLITE_TXN_NONE && sqlite3BtreeBeginTrans(btree, 0, NULL) == SQLITE_OK) {
    *counter = rowtap_commit_counter(db);
    sqlite3BtreeCommit(btree);
  }
  sqlite3_mutex_leave(db->mutex);
  // Another count may also be another's commit, made after ours had been undone.
  return *counter != 0 && *counter == counter_before ? ROWTAP_COMMIT_UNDONE : ROWTAP_COMMIT_UNKNOWN;
}

void rowtap_roll_back(sqlite3* db) {
  sqlite3_mutex_enter(db->mutex);
  if (!db->autoCommit) {
    // It takes one of the statements that read for the failed one itself, and ends the read transaction where there is no other.
    db->nVdbeRead++;
    sqlite3RollbackAll(db, SQLITE_OK);
    db->nVdbeRead--;
    db->autoCommit = 1;
    sqlite3CloseSavepoints(db);
  }
  sqlite3_mutex_leave(db->mutex);
}

int rowtap_can_undo(sqlite3* db) {
  return sqlite3BtreePager(db->aDb[0].pBt)->journalMode != PAGER_JOURNALMODE_OFF;
}

int rowtap_has_hooks(sqlite3* db, const void* argument) {
#ifdef SQLITE_ENABLE_PREUPDATE_HOOK
  if (db->pPreUpdateArg != argument) return 0;
#endif
  return db->pCommitArg == argument && db->pRollbackArg == argument;
}

int rowtap_is_exclusive(sqlite3* db) {
  return sqlite3BtreePager(db->aDb[0].pBt)->exclusiveMode != 0;
}

int rowtap_begin_write(sqlite3* db) {
  int code;
  if (db->flags & SQLITE_QueryOnly) return SQLITE_READONLY;
  sqlite3_mutex_enter(db->mutex);
  db->busyHandler.nBusy = 0;
  code = sqlite3BtreeBeginTrans(db->aDb[0].pBt, 1, NULL);
  sqlite3_mutex_leave(db->mutex);
  return code;
}

// ---- rows beside statements

static int OpenCursor(sqlite3* db, uint32_t root, int is_for_writing, BtCursor* cursor) {
  Btree* btree = db->aDb[0].pBt;
  sqlite3BtreeCursorZero(cursor);
  sqlite3_mutex_enter(db->mutex);
  sqlite3BtreeEnter(btree);
  return sqlite3BtreeCursor(btree, root, is_for_writing ? BTREE_WRCSR : 0, NULL, cursor);
}

static void CloseCursor(sqlite3* db, BtCursor* cursor) {
  sqlite3BtreeCloseCursor(cursor);
  sqlite3BtreeLeave(db->aDb[0].pBt);
  sqlite3_mutex_leave(db->mutex);
}

static int ReadPayload(BtCursor* cursor, void* to, uint32_t capacity, uint32_t* size) {
  *size = sqlite3BtreePayloadSize(cursor);
  return capacity == 0 ? SQLITE_OK : sqlite3BtreePayload(cursor, 0, *size < capacity ? *size : capacity, to);
}

static int FindRow(BtCursor* cursor, int64_t rowid) {
  int difference = 0;
  const int code = sqlite3BtreeTableMoveto(cursor, rowid, 0, &difference);
  if (code != SQLITE_OK) return code;
  return difference == 0 && sqlite3BtreeCursorIsValidNN(cursor) ? SQLITE_OK : SQLITE_NOTFOUND;
}

int rowtap_read_row(sqlite3* db, uint32_t root, int64_t rowid, void* to, uint32_t capacity, uint32_t* size) {
  BtCursor cursor;
  int code = OpenCursor(db, root, 0, &cursor);
  if (code == SQLITE_OK) code = FindRow(&cursor, rowid);
  if (code == SQLITE_OK) code = ReadPayload(&cursor, to, capacity, size);
  CloseCursor(db, &cursor);
  return code;
}

int rowtap_read_last_row(sqlite3* db, uint32_t root, int64_t* rowid, void* to, uint32_t capacity, uint32_t* size) {
  BtCursor cursor;
  int is_empty = 0;
  int code = OpenCursor(db, root, 0, &cursor);
  if (code == SQLITE_OK) code = sqlite3BtreeLast(&cursor, &is_empty);
  if (code == SQLITE_OK && is_empty) code = SQLITE_NOTFOUND;
  if (code == SQLITE_OK) {
    *rowid = sqlite3BtreeIntegerKey(&cursor);
    code = ReadPayload(&cursor, to, capacity, size);
  }
  CloseCursor(db, &cursor);
  return code;
}

int rowtap_put_row(sqlite3* db, uint32_t root, int64_t rowid, const void* record, uint32_t size) {
  BtCursor cursor;
  BtreePayload payload;
  int code = OpenCursor(db, root, 1, &cursor);
  if (code == SQLITE_OK) {
    memset(&payload, 0, sizeof payload);
    payload.nKey = rowid;
    payload.pData = record;
    payload.nData = (int)size;
    code = sqlite3BtreeInsert(&cursor, &payload, BTREE_APPEND, 0);
  }
  CloseCursor(db, &cursor);
  return code;
}

int rowtap_delete_row(sqlite3* db, uint32_t root, int64_t rowid) {
  BtCursor cursor;
  int code = OpenCursor(db, root, 1, &cursor);
  if (code == SQLITE_OK) code = FindRow(&cursor, rowid);
  if (code == SQLITE_OK) code = sqlite3BtreeDelete(&cursor, 0);
  CloseCursor(db, &cursor);
  return code == SQLITE_NOTFOUND ? SQLITE_OK : code;
}

int rowtap_has_changed_pages(sqlite3* db) {
  return sqlite3BtreePager(db->aDb[0].pBt)->eState >= PAGER_WRITER_CACHEMOD;
}

// Whether a text of the file's encoding is that name, which is ASCII.
static int IsName(sqlite3* db, const u8* text, u32 size, const char* name) {
  const u32 length = (u32)sqlite3Strlen30(name);
  const u32 width = ENC(db) == SQLITE_UTF8 ? 1 : 2;
  const u32 low = ENC(db) == SQLITE_UTF16BE ? 1 : 0;
  u32 i;
  if (size != length * width) return 0;
  for (i = 0; i < length; i++) {
    if (text[i * width + low] != (u8)name[i] || (width == 2 && text[i * width + 1 - low] != 0)) return 0;
  }
  return 1;
}

// A row of sqlite_schema: type, name, tbl_name, rootpage, sql. Sets *root where it is the table's.
static void MatchSchemaRow(sqlite3* db, const u8* record, u32 size, const char* table, uint32_t* root) {
  u32 header_size = 0;
  u32 at = getVarint32(record, header_size);
  u32 body = header_size;
  int column;
  for (column = 0; column < 4 && at < header_size && body < size; column++) {
    u32 type = 0;
    u32 length;
    at += getVarint32(record + at, type);
    length = sqlite3VdbeSerialTypeLen(type);
    if (length > size - body) return;
    if (column == 0 && !IsName(db, record + body, length, "table")) return;
    if (column == 1 && !IsName(db, record + body, length, table)) return;
    if (column == 3) {
      Mem value;
      memset(&value, 0, sizeof value);
      sqlite3VdbeSerialGet(record + body, type, &value);
      if (value.flags & MEM_Int) *root = (uint32_t)value.u.i;
    }
    body += length;
  }
}

static int FindRootInFile(sqlite3* db, const char* table, uint32_t* root) {
  BtCursor cursor;
  int is_empty = 0;
  int code = OpenCursor(db, SCHEMA_ROOT, 0, &cursor);
  if (code == SQLITE_OK) code = sqlite3BtreeFirst(&cursor, &is_empty);
  while (code == SQLITE_OK && !is_empty && *root == 0) {
    // What stands before the SQL, whose names are short where they are ours.
    u8 record[256];
    uint32_t size = 0;
    code = ReadPayload(&cursor, record, sizeof record, &size);
    if (code != SQLITE_OK) break;
    MatchSchemaRow(db, record, size < sizeof record ? size : (u32)sizeof record, table, root);
    code = sqlite3BtreeNext(&cursor, 0);
  }
  CloseCursor(db, &cursor);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int rowtap_find_root(sqlite3* db, const char* table, uint32_t* root) {
  Btree* btree = db->aDb[0].pBt;
  int code = SQLITE_OK;
  int is_known = 1;
  u32 cookie = 0;
  *root = 0;
  sqlite3_mutex_enter(db->mutex);
  sqlite3BtreeEnter(btree);
  if (sqlite3BtreeTxnState(btree) != SQLITE_TXN_NONE) {
    sqlite3BtreeGetMeta(btree, BTREE_SCHEMA_VERSION, &cookie);
    is_known = DbHasProperty(db, 0, DB_SchemaLoaded) && cookie == (u32)db->aDb[0].pSchema->schema_cookie;
  }
  if (is_known) {
    const Table* found = sqlite3FindTable(db, table, "main");
    if (found != NULL && IsOrdinaryTable(found) && HasRowid(found)) *root = found->tnum;
  } else {
    code = FindRootInFile(db, table, root);
  }
  sqlite3BtreeLeave(btree);
  sqlite3_mutex_leave(db->mutex);
  return code;
}

// ---- content

static int CopyPages(Btree* btree, void* (*allocate)(void*, uint64_t), void* arg) {
  const Pgno last = sqlite3BtreeLastPage(btree);
  const u64 page_size = (u64)sqlite3BtreeGetPageSize(btree);
  unsigned char* to;
  Pgno number;
  if (last == 0) return SQLITE_OK;
  to = allocate(arg, page_size * last);
  if (to == NULL) return SQLITE_NOMEM_BKPT;
  for (number = 1; number <= last; number++, to += page_size) {
    DbPage* page = NULL;
    int code;
    // The bytes that locks are taken on hold no page.
    if (number == PENDING_BYTE_PAGE(btree->pBt)) {
      memset(to, 0, page_size);
      continue;
    }
    code = sqlite3PagerGet(sqlite3BtreePager(btree), number, &page, PAGER_GET_READONLY);
    if (code != SQLITE_OK) return code;
    memcpy(to, sqlite3PagerGetData(page), page_size);
    sqlite3PagerUnref(page);
  }
  return SQLITE_OK;
}

int rowtap_serialize(sqlite3* db, const char* schema, void* (*allocate)(void*, uint64_t), void* arg) {
  Btree* btree;
  int code;
  sqlite3_mutex_enter(db->mutex);
  btree = findBtree(db, db, schema);
  if (btree == NULL) {
    code = sqlite3_extended_errcode(db);
    sqlite3_mutex_leave(db->mutex);
    return code;
  }
  sqlite3BtreeEnter(btree);
  if (sqlite3BtreeTxnState(btree) != SQLITE_TXN_NONE) {
    code = CopyPages(btree, allocate, arg);
  } else {
    db->busyHandler.nBusy = 0;
    code = sqlite3BtreeBeginTrans(btree, 0, NULL);
    if (code == SQLITE_OK) {
      code = CopyPages(btree, allocate, arg);
      sqlite3BtreeCommit(btree);
    }
  }
  sqlite3BtreeLeave(btree);
  sqlite3Error(db, code);
  code = sqlite3ApiExit(db, code);
  sqlite3_mutex_leave(db->mutex);
  return code;
}

int rowtap_deserialize(sqlite3* db, const void* content, int64_t size, int is_readonly) {
  unsigned flags = SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE;
  unsigned char* copy = NULL;
  if (is_readonly) flags |= SQLITE_DESERIALIZE_READONLY;
  if (size > 0) {
    copy = sqlite3_malloc64((sqlite3_uint64)size);
    if (copy == NULL) return SQLITE_NOMEM;
    memcpy(copy, content, (size_t)size);
    // The versions for writing and for reading: 2 is WAL, 1 is not.
    if (size > 19 && memcmp(copy, SQLITE_FILE_HEADER, 16) == 0 && copy[18] == 2 && copy[19] == 2) copy[18] = copy[19] = 1;
  }
  return sqlite3_deserialize(db, "main", copy, size, size, flags);
}
