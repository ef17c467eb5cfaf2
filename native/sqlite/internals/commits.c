// Part of amalgamation.c, not compiled by itself: commits to the file of main. How many it counts, and what became of one
// that SQLite gave up.

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
