// Part of amalgamation.c, not compiled by itself: the file of main. Whether it is one, how it is locked, and what its journal can do.

// memVfs: the content came from a buffer. What it counts is nobody else's.
static int IsNoFile(const Pager* pager) {
  return pager->memDb || pager->memVfs || pager->tempFile;
}

int rowtap_reads_beside_writes(sqlite3* db) {
  const Pager* pager = sqlite3BtreePager(db->aDb[0].pBt);
  return pager->pWal != NULL || IsNoFile(pager);
}

int rowtap_is_exclusive(sqlite3* db) {
  return sqlite3BtreePager(db->aDb[0].pBt)->exclusiveMode != 0;
}

int rowtap_can_undo(sqlite3* db) {
  return sqlite3BtreePager(db->aDb[0].pBt)->journalMode != PAGER_JOURNALMODE_OFF;
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
