// Part of amalgamation.c, not compiled by itself: tables as SQLite's schema in memory has them. Which are the user's, how they
// are described, and which of their columns are stored where.

const void* rowtap_find_table(sqlite3* db, const char* name) {
  const void* table;
  sqlite3_mutex_enter(db->mutex);
  table = sqlite3FindTable(db, name, "main");
  sqlite3_mutex_leave(db->mutex);
  return table;
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
