// What a transaction leaves in the log is what its readers have been handed: transactions of one part and of many, spilled ones, schema
// changes.
#include <string>
#include <vector>

#include "capture/log_entry.h"
#include "capture/page_store.h"
#include "testing/captured_database.h"
#include "testing/fault_vfs.h"

namespace {

using namespace rowtap::testing;
using rowtap::capture::LogReplay;

const std::vector<std::string> kSteps = {
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a)",
    "CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID",
    "INSERT INTO t VALUES (1, 'one'), (-5, 'minus'), (9223372036854775807, NULL), (-9223372036854775808, x'00')",
    "UPDATE t SET id = id / 2, a = a || 'moved' WHERE id < 100",
    "INSERT INTO w VALUES ('a', 1), ('b', 2.5)",
    "BEGIN",
    // More than one part, and little when it is compressed.
    "INSERT INTO t SELECT value + 100, zeroblob(50000) FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12]')",
    "SAVEPOINT s",
    "DELETE FROM w",
    "ROLLBACK TO s",
    // Several parts, in which nothing repeats; the last row is a part by itself.
    "INSERT INTO t SELECT value + 200, randomblob(90000) FROM json_each('[1,2,3,4,5,6,7,8,9]')",
    "INSERT INTO t VALUES (300, randomblob(3000000))",
    "ALTER TABLE t ADD COLUMN b DEFAULT 'b'",
    "UPDATE t SET b = id WHERE id BETWEEN 100 AND 205",
    "COMMIT",
    "BEGIN",
    "DELETE FROM t",
    "ROLLBACK",
    "INSERT INTO w VALUES ('b', 3)",
    "DELETE FROM t WHERE id < 250",
    "DROP TABLE w",
};

int64_t CountParts(CapturedConnection& db) {
  sqlite3_stmt* prepared = nullptr;
  const std::string sql = "SELECT max(id & " + std::to_string(rowtap::capture::kMaxParts - 1) + ") FROM _rowtap_log";
  Check(sqlite3_prepare_v2(db.db(), sql.c_str(), -1, &prepared, nullptr) == SQLITE_OK, "the log can be asked");
  const rowtap::sqlite::StatementHandle statement(prepared);
  Check(sqlite3_step(prepared) == SQLITE_ROW, "it answers");
  return sqlite3_column_int64(prepared, 0) + 1;
}

void CheckOne(const TemporaryFolder& folder, const char* journal_mode, uint64_t max_memory) {
  const std::string path = folder.File((std::string(journal_mode) + std::to_string(max_memory)).c_str());
  CapturedConnection db(path);
  db.MustRun(std::string("PRAGMA journal_mode = ") + journal_mode);
  db.hub().store()->SetMaxMemory(max_memory);
  MakeLog(db);
  StreamReader live(db.hub());
  db.MustRun("CREATE TABLE begun (x)");
  const int64_t position = live.Take().back().lsn;
  for (const std::string& step : kSteps) db.Run(step);
  const std::vector<SeenTransaction> published = live.Take();
  Check(published.size() == 8, "each transaction with changes is published");
  Check(CountParts(db) > 3, "a large one has several parts");

  for (const uint64_t max_bytes : {uint64_t{1}, uint64_t{100000}, uint64_t{1} << 40}) {
    LogStream log(db, path, position);
    const std::vector<SeenTransaction> logged = log.Take(max_bytes);
    Check(log.status() == LogReplay::Status::kEnd, "the log is read to its end");
    Check(logged == published, "the log has what was published, frame by frame");
  }
  LogStream end(db, path, published.back().lsn);
  Check(end.Take(1).empty() && end.status() == LogReplay::Status::kEnd, "behind the last one is nothing");
}

}  // namespace

int main() {
  Check(InstallFaultVfs() == SQLITE_OK, "the file system can be installed");
  const TemporaryFolder folder;
  for (const char* journal_mode : {"wal", "delete"}) {
    CheckOne(folder, journal_mode, uint64_t{64} * 1024 * 1024);
    CheckOne(folder, journal_mode, rowtap::capture::kPageSize);
  }
}
