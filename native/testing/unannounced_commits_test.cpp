// Which counts a VACUUM explains: while it runs, when it has ended, and when it turns out to have been somebody else.
#include "capture/unannounced_commits.h"
#include "testing/captured_database.h"

namespace {

using namespace rowtap::testing;
using rowtap::capture::NextCount;
using rowtap::capture::UnannouncedCommits;

constexpr uint64_t kWal = uint64_t{2} << 32;

void CheckCounts() {
  Check(NextCount(kWal | 0xffffffffu) == kWal, "counts go round within their journal mode");

  UnannouncedCommits ended;
  Check(!ended.Explain(kWal | 1, kWal | 2), "without a VACUUM nothing is explained");
  ended.Begin();
  Check(ended.End(kWal | 2), "what it left is its own");
  Check(ended.Explain(kWal | 1, kWal | 2), "that count is explained");
  Check(!ended.Explain(kWal | 1, kWal | 3) && !ended.Explain(kWal | 0, kWal | 2), "and none beside it");

  UnannouncedCommits running;
  running.Begin();
  Check(running.Explain(kWal | 1, kWal | 2), "a count more may be the running one's");
  Check(running.Explain(kWal | 1, kWal | 2), "and still is, asked again");
  Check(!running.Explain(kWal | 2, kWal | 3), "but not a second one");
  Check(running.End(kWal | 2), "it was");

  UnannouncedCommits mistaken;
  mistaken.Begin();
  Check(mistaken.Explain(kWal | 1, kWal | 2), "what another has committed is taken for its own");
  Check(!mistaken.End(kWal | 4), "which comes to light when it has ended");
  mistaken.Begin();
  Check(mistaken.Explain(kWal | 4, kWal | 5), "the same where it fails");
  Check(!mistaken.End(0), "which comes to light too");
}

// Without a gap, which would be a frame of its own.
void CheckStream() {
  const TemporaryFolder folder;
  CapturedConnection db(folder.File("vacuum.db"));
  db.MustRun("PRAGMA journal_mode = wal");
  db.MustRun("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  CapturedConnection other(folder.File("vacuum.db"));
  StreamReader stream(db.hub());
  db.MustRun("INSERT INTO t VALUES (1)");
  // Called when the VACUUM has committed, and the capture does not know it yet.
  sqlite3_trace_v2(
      db.db(), SQLITE_TRACE_PROFILE,
      [](unsigned, void* borrowed_other, void* statement, void*) {
        if (sqlite3_sql(static_cast<sqlite3_stmt*>(statement)) != std::string("VACUUM")) return 0;
        static_cast<CapturedConnection*>(borrowed_other)->MustRun("INSERT INTO t VALUES (2)");
        return 0;
      },
      &other);
  db.MustRun("VACUUM");
  sqlite3_trace_v2(db.db(), 0, nullptr, nullptr);
  other.MustRun("INSERT INTO t VALUES (3)");
  db.MustRun("VACUUM");
  other.MustRun("INSERT INTO t VALUES (4)");
  const auto seen = stream.Take();
  Check(seen.size() == 4, "a VACUUM of ours is no gap");
  for (size_t i = 0; i < seen.size(); i++) {
    Check(seen[i].frames.size() == 1 && seen[i].frames[0].rowid_after == static_cast<int64_t>(i + 1), "each transaction comes once");
  }
}

}  // namespace

int main() {
  CheckCounts();
  CheckStream();
}
