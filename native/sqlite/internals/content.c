// Part of amalgamation.c, not compiled by itself: the whole content of a database, taken out and put in.

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
