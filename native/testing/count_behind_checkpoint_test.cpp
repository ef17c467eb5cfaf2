// A checkpoint that follows a commit in its own statement, as SQLite's automatic ones do, looks at what others have committed in between,
// and forgets then what the connection had counted. SQLite calls the WAL hook between the two (https://www.sqlite.org/c3ref/wal_hook.html):
// there others commit.
#include <functional>

#include "testing/captured_database.h"

namespace {

using namespace rowtap::testing;

// Once, behind a commit of `db`: `act`, and a checkpoint by `db`.
class BehindACommit {
 public:
  BehindACommit(CapturedConnection& db, std::function<void()> act) : db_(db), act_(std::move(act)) {
    sqlite3_wal_hook(
        db_.db(),
        [](void* self, sqlite3* hooked, const char* schema, int) {
          auto act = std::move(static_cast<BehindACommit*>(self)->act_);
          if (!act) return SQLITE_OK;
          act();
          return sqlite3_wal_checkpoint_v2(hooked, schema, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
        },
        this);
  }
  ~BehindACommit() {
    sqlite3_wal_hook(db_.db(), nullptr, nullptr);
    Check(!act_, "the hook has been called");
  }
  BehindACommit(const BehindACommit&) = delete;
  BehindACommit& operator=(const BehindACommit&) = delete;

 private:
  CapturedConnection& db_;
  std::function<void()> act_;
};

void CheckRows(const std::vector<SeenTransaction>& seen, const std::vector<int64_t>& rows, const char* claim) {
  Check(seen.size() == rows.size(), claim);
  for (size_t i = 0; i < rows.size(); i++) Check(seen[i].frames.size() == 1 && seen[i].frames[0].rowid_after == rows[i], claim);
}

void NobodyElseHasCommitted(const TemporaryFolder& folder, const char* file, const char* statement, const char* between,
                            const std::vector<int64_t>& rows, const char* claim) {
  CapturedConnection first(folder.File(file));
  first.MustRun("PRAGMA journal_mode = WAL");
  first.MustRun("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  CapturedConnection second(folder.File(file));
  second.MustRun("SELECT * FROM t");
  StreamReader stream(first.hub());
  {
    const BehindACommit behind(first, [&] { second.MustRun(between); });
    first.MustRun(statement);
  }
  second.MustRun("INSERT INTO t VALUES (8)");
  first.MustRun("INSERT INTO t VALUES (9)");
  CheckRows(stream.Take(), rows, claim);
}

}  // namespace

int main() {
  const TemporaryFolder folder;
  NobodyElseHasCommitted(folder, "commit.db", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", {1, 2, 8, 9},
                         "a commit behind a commit");
  NobodyElseHasCommitted(folder, "vacuum.db", "INSERT INTO t VALUES (1)", "VACUUM", {1, 8, 9}, "a VACUUM behind a commit");
  NobodyElseHasCommitted(folder, "behind.db", "VACUUM", "INSERT INTO t VALUES (2)", {2, 8, 9}, "a commit behind a VACUUM");
  NobodyElseHasCommitted(folder, "twice.db", "VACUUM", "VACUUM", {8, 9}, "a VACUUM behind a VACUUM");
  return 0;
}
