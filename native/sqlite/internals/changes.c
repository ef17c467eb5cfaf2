// Part of amalgamation.c, not compiled by itself: the changes that the preupdate hook announces. What a call of it holds, how it makes its
// statement fail, and whether it is still the capture's.

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

void rowtap_run_out_of_memory(sqlite3* db) {
  sqlite3OomFault(db);
}

int rowtap_has_hooks(sqlite3* db, const void* argument) {
#ifdef SQLITE_ENABLE_PREUPDATE_HOOK
  if (db->pPreUpdateArg != argument) return 0;
#endif
  return db->pCommitArg == argument && db->pRollbackArg == argument;
}
