// Part of amalgamation.c, not compiled by itself: the transaction that a connection has open. How far it has come, how it
// takes the write lock, and how it is rolled back.

int rowtap_transaction_state(sqlite3* db) {
  return sqlite3BtreeTxnState(db->aDb[0].pBt);
}

int rowtap_savepoint_depth(sqlite3* db) {
  return db->nSavepoint + db->isTransactionSavepoint;
}

int rowtap_has_changed_pages(sqlite3* db) {
  return sqlite3BtreePager(db->aDb[0].pBt)->eState >= PAGER_WRITER_CACHEMOD;
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
