// Which reads pass the gate by: those that hold no write of rowtap's own up, and are held up by none.
#include <chrono>
#include <string>

#include "capture/execution.h"
#include "sqlite/handles.h"
#include "testing/captured_database.h"
#include "testing/check.h"

namespace {

using namespace rowtap;
using namespace rowtap::testing;
using Span = capture::Execution::Span;

// Whether the gate can be held while `sql` stands on its first row.
bool LeavesGateOpen(CapturedConnection& db, const std::string& sql, Span span) {
  sqlite3_stmt* prepared = nullptr;
  Check(sqlite3_prepare_v2(db.db(), sql.c_str(), -1, &prepared, nullptr) == SQLITE_OK, sql);
  const sqlite::StatementHandle statement(prepared);
  capture::Execution execution(db.borrowed_capture(), prepared, span);
  Check(execution.Step() == SQLITE_ROW, sql);
  capture::TransactionGate& gate = db.hub().gate();
  const bool is_open = gate.TryHold(std::chrono::microseconds(0));
  if (is_open) gate.Release();
  Check(execution.Reset() == SQLITE_OK, sql);
  return is_open;
}

void Prepare(CapturedConnection& db, const char* journal_mode) {
  db.MustRun(std::string("PRAGMA journal_mode = ") + journal_mode);
  db.MustRun("CREATE TABLE t (a)");
  db.MustRun("INSERT INTO t VALUES (1), (2)");
}

}  // namespace

int main() {
  const TemporaryFolder folder;
  const std::string select = "SELECT a FROM t";
  CapturedConnection wal(folder.File("wal.db"));
  Prepare(wal, "WAL");
  Check(LeavesGateOpen(wal, select, Span::kOneCall), "a read of one call passes by in WAL mode");
  Check(!LeavesGateOpen(wal, select, Span::kOpen), "one that may be left open, and be followed by a write, does not");
  Check(!LeavesGateOpen(wal, "INSERT INTO t VALUES (3) RETURNING a", Span::kOneCall), "a write does not");
  wal.MustRun("BEGIN");
  Check(!LeavesGateOpen(wal, select, Span::kOneCall), "a read of a transaction does not");
  wal.MustRun("COMMIT");
  Check(LeavesGateOpen(wal, select, Span::kOneCall), "after the transaction it does again");

  CapturedConnection journal(folder.File("journal.db"));
  Prepare(journal, "DELETE");
  Check(!LeavesGateOpen(journal, select, Span::kOneCall), "with a rollback journal, whose writers lock readers out, a read does not");

  CapturedConnection memory(":memory:");
  Prepare(memory, "MEMORY");
  Check(LeavesGateOpen(memory, select, Span::kOneCall), "a read in memory does");
}
