// Part of amalgamation.c, not compiled by itself: rows of one table, found, read and written beside all statements.

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
