// What is published, and when, while the outcome of an earlier commit is open. SQLite calls back at the end of a statement
// (https://www.sqlite.org/c3ref/c_trace.html, SQLITE_TRACE_PROFILE) when it has let go of the write lock and the capture does not know yet
// how it has ended: there others commit here.
#include <atomic>
#include <functional>
#include <thread>

#include "testing/captured_database.h"
#include "testing/fault_vfs.h"

namespace {

using namespace rowtap::testing;

// Runs `act` once, between the end of a statement of `db` and the moment that the capture hears of it.
class AtTheEnd {
 public:
  AtTheEnd(CapturedConnection& db, std::function<void()> act) : db_(db), act_(std::move(act)) {
    sqlite3_trace_v2(
        db_.db(), SQLITE_TRACE_PROFILE,
        [](unsigned, void* self, void*, void*) {
          auto act = std::move(static_cast<AtTheEnd*>(self)->act_);
          if (act) act();
          return 0;
        },
        this);
  }
  ~AtTheEnd() {
    sqlite3_trace_v2(db_.db(), 0, nullptr, nullptr);
    Check(!act_, "the statement has ended");
  }
  AtTheEnd(const AtTheEnd&) = delete;
  AtTheEnd& operator=(const AtTheEnd&) = delete;

 private:
  CapturedConnection& db_;
  std::function<void()> act_;
};

void Prepare(CapturedConnection& db, const char* journal_mode) {
  db.MustRun(std::string("PRAGMA journal_mode = ") + journal_mode);
  db.MustRun("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)");
}

// The rows of one transaction each, in their order; LSNs ascend.
void CheckRows(const std::vector<SeenTransaction>& seen, const std::vector<int64_t>& rows, const char* claim) {
  Check(seen.size() == rows.size(), claim);
  for (size_t i = 0; i < rows.size(); i++) {
    Check(seen[i].frames.size() == 1 && seen[i].frames[0].rowid_after == rows[i], claim);
    Check(i == 0 || seen[i].lsn > seen[i - 1].lsn, "LSNs ascend");
  }
}

void AnOpenOneHoldsBackLaterOnes(const TemporaryFolder& folder, const char* journal_mode) {
  const std::string path = folder.File(journal_mode);
  CapturedConnection first(path);
  Prepare(first, journal_mode);
  CapturedConnection second(path);
  StreamReader stream(first.hub());
  {
    const AtTheEnd at_the_end(first, [&] {
      second.MustRun("INSERT INTO t VALUES (2)");
      second.MustRun("INSERT INTO t VALUES (3)");
      Check(stream.Take().empty(), "what was committed later is not published before");
    });
    first.MustRun("INSERT INTO t VALUES (1)");
  }
  CheckRows(stream.Take(), {1, 2, 3}, "all are published, in the order of the commits");
}

// Where truncating the journal could still make it a commit, the capture looks at the file when the statement has ended, and others may
// have committed before that.
void ADroppedOneLetsThemGo(const TemporaryFolder& folder) {
  CapturedConnection first(folder.File("dropped.db"));
  Prepare(first, "truncate");
  CapturedConnection second(folder.File("dropped.db"));
  StreamReader stream(first.hub());
  std::vector<SeenTransaction> during;
  {
    const AtTheEnd at_the_end(first, [&] {
      ClearFaults();
      second.MustRun("INSERT INTO t VALUES (2)");
      during = stream.Take();
    });
    AddFault({FileKind::kMain, FileOperation::kSync, 0, SQLITE_IOERR_FSYNC, false, Effect::kNone});
    Check(first.Run("INSERT INTO t VALUES (1)") != SQLITE_OK, "the commit fails");
  }
  auto seen = std::move(during);
  for (SeenTransaction& later : stream.Take()) seen.push_back(std::move(later));
  CheckRows(seen, {2}, "only the later one is published");
  first.MustRun("INSERT INTO t VALUES (3)");
  CheckRows(stream.Take(), {3}, "and those after it");
}

// The hub alone: every order in which the outcomes of three commits can become known, each of them a commit or not.
void EveryOrderOfOutcomes(const TemporaryFolder& folder) {
  CapturedConnection db(folder.File("orders.db"));
  int order[3] = {0, 1, 2};
  do {
    for (int committed = 0; committed < 8; committed++) {
      StreamReader stream(db.hub());
      std::shared_ptr<rowtap::capture::PendingCommit> pending[3];
      for (auto& each : pending) {
        each = std::make_shared<rowtap::capture::PendingCommit>();
        db.hub().Enter(each, true, 0);
      }
      bool is_known[3] = {};
      std::vector<int64_t> seen;
      for (const int which : order) {
        is_known[which] = true;
        if ((committed >> which & 1) != 0) {
          auto batch = std::make_shared<rowtap::capture::Batch>();
          batch->lsn = pending[which]->lsn;
          db.hub().Commit(*pending[which], batch);
        } else {
          db.hub().Drop(*pending[which]);
        }
        for (const SeenTransaction& transaction : stream.Take()) seen.push_back(transaction.lsn);
        std::vector<int64_t> expected;
        for (int i = 0; i < 3 && is_known[i]; i++) {
          if ((committed >> i & 1) != 0) expected.push_back(pending[i]->lsn);
        }
        Check(seen == expected, "published is what was committed before the first open one");
      }
    }
  } while (std::next_permutation(order, order + 3));
}

// A position is taken while no commit is in doubt. A thread that has itself committed behind the open one waits for it like any other.
void APositionWaits(const TemporaryFolder& folder) {
  const std::string path = folder.File("position.db");
  CapturedConnection first(path);
  Prepare(first, "wal");
  std::atomic<bool> has_opened = false;
  std::thread other;
  {
    const AtTheEnd at_the_end(first, [&] {
      std::atomic<bool> has_committed = false;
      other = std::thread([&] {
        CapturedConnection second(path);
        second.MustRun("INSERT INTO t VALUES (2)");
        has_committed = true;
        has_committed.notify_all();
        const StreamReader late(second.hub());
        has_opened = true;
      });
      has_committed.wait(false);
      Check(!has_opened, "no position is taken while a commit is in doubt");
    });
    first.MustRun("INSERT INTO t VALUES (1)");
  }
  other.join();
  Check(has_opened, "the position is taken afterwards");
}

}  // namespace

int main() {
  Check(InstallFaultVfs() == SQLITE_OK, "the failing file system can be installed");
  const TemporaryFolder folder;
  AnOpenOneHoldsBackLaterOnes(folder, "wal");
  AnOpenOneHoldsBackLaterOnes(folder, "delete");
  ADroppedOneLetsThemGo(folder);
  EveryOrderOfOutcomes(folder);
  APositionWaits(folder);
}
