// A commit whose writing fails is never published (https://www.sqlite.org/c3ref/commit_hook.html: the hook runs before it is written).
#include "testing/captured_database.h"
#include "testing/fault_vfs.h"

namespace {

using namespace rowtap::testing;

void CheckOne(const TemporaryFolder& folder, const char* name, const char* journal_mode, const Fault& fault) {
  CapturedConnection db(folder.File(name));
  db.MustRun(std::string("PRAGMA journal_mode = ") + journal_mode);
  db.MustRun("PRAGMA synchronous = FULL");
  db.MustRun("CREATE TABLE t (a INTEGER PRIMARY KEY)");
  StreamReader stream(db.hub());

  AddFault(fault);
  Check(db.Run("INSERT INTO t VALUES (1)") != SQLITE_OK, "the commit fails");
  ClearFaults();
  Check(stream.Take().empty(), "a failed commit is not published");

  db.MustRun("BEGIN");
  db.MustRun("INSERT INTO t VALUES (2)");
  AddFault(fault);
  Check(db.Run("COMMIT") != SQLITE_OK, "the COMMIT fails");
  ClearFaults();
  Check(stream.Take().empty(), "a failed COMMIT is not published");

  db.Run("ROLLBACK");
  db.MustRun("INSERT INTO t VALUES (3)");
  const auto seen = stream.Take();
  Check(seen.size() == 1 && seen[0].frames.size() == 1 && seen[0].frames[0].rowid_after == 3, "the next commit is published, alone");
}

}  // namespace

int main() {
  Check(InstallFaultVfs() == SQLITE_OK, "the failing file system can be installed");
  const TemporaryFolder folder;
  CheckOne(folder, "wal-write", "wal", {FileKind::kWal, FileOperation::kWrite, 0, SQLITE_IOERR_WRITE, true, Effect::kNone});
  CheckOne(folder, "wal-full", "wal", {FileKind::kWal, FileOperation::kWrite, 1, SQLITE_FULL, true, Effect::kHalf});
  CheckOne(folder, "wal-sync", "wal", {FileKind::kWal, FileOperation::kSync, 0, SQLITE_IOERR_FSYNC, true, Effect::kNone});
  CheckOne(folder, "journal-write", "delete", {FileKind::kJournal, FileOperation::kWrite, 0, SQLITE_IOERR_WRITE, true, Effect::kNone});
  CheckOne(folder, "journal-sync", "delete", {FileKind::kJournal, FileOperation::kSync, 0, SQLITE_IOERR_FSYNC, true, Effect::kNone});
  CheckOne(folder, "journal-delete", "delete", {FileKind::kJournal, FileOperation::kDelete, 0, SQLITE_IOERR_DELETE, true, Effect::kNone});
}
