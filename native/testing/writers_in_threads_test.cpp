// Several threads write one file, each through its own connection, while readers come and go: what was committed is published once, in the
// order of its LSNs, and nothing else. The order of commits is checked by a counter in the database that every transaction takes and
// raises.
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "testing/captured_database.h"

namespace {

using namespace rowtap::testing;

constexpr int kThreads = 4;
constexpr int kTransactions = 150;

// Appends, to `t`, rows whose key begins with the counter's value: in LSN order keys ascend. Rolled-back ones hold a negative key.
int Write(const std::string& path, uint32_t seed) {
  std::mt19937 random(seed);
  CapturedConnection db(path);
  int committed = 0;
  for (int i = 0; i < kTransactions; i++) {
    db.MustRun("BEGIN IMMEDIATE");
    const uint32_t dice = random() % 10;
    if (dice < 2) {
      db.MustRun("INSERT INTO t SELECT -(n + 1) FROM counter");
      db.MustRun("ROLLBACK");
      continue;
    }
    db.MustRun("UPDATE counter SET n = n + 1");
    db.MustRun("INSERT INTO t SELECT n * 100 FROM counter");
    if (dice < 5) {
      db.MustRun("SAVEPOINT s");
      db.MustRun("INSERT INTO t SELECT -n FROM counter");
      db.MustRun("ROLLBACK TO s");
      db.MustRun("RELEASE s");
    }
    db.MustRun("INSERT INTO t SELECT n * 100 + 1 FROM counter");
    db.MustRun("COMMIT");
    committed++;
  }
  return committed;
}

void CheckOrder(const std::vector<SeenTransaction>& seen, int64_t first_key) {
  int64_t lsn = 0;
  int64_t key = first_key;
  for (const SeenTransaction& transaction : seen) {
    Check(transaction.lsn > lsn, "LSNs ascend");
    lsn = transaction.lsn;
    Check(transaction.frames.size() == 3, "a transaction holds its three changes");
    Check(transaction.frames[1].rowid_after == key * 100, "transactions come in the order in which they were committed");
    Check(transaction.frames[2].rowid_after == key * 100 + 1, "changes come in the order in which they were made");
    key++;
  }
}

}  // namespace

int main() {
  const uint32_t seed = Seed();
  const TemporaryFolder folder;
  const std::string path = folder.File("threads.db");
  CapturedConnection db(path);
  db.MustRun("PRAGMA journal_mode = wal");
  db.MustRun("PRAGMA synchronous = OFF");
  db.MustRun("CREATE TABLE counter (n INTEGER)");
  db.MustRun("INSERT INTO counter VALUES (0)");
  db.MustRun("CREATE TABLE t (key INTEGER PRIMARY KEY)");
  StreamReader stream(db.hub());

  std::atomic<int> committed = 0;
  std::atomic<int> running = kThreads;
  std::vector<std::thread> writers;
  for (uint32_t i = 0; i < kThreads; i++) {
    writers.emplace_back([&, i] {
      committed += Write(path, seed + i);
      running--;
    });
  }
  std::vector<SeenTransaction> seen;
  while (running > 0) {
    // A reader that begins in the middle sees every transaction from some point on.
    StreamReader latecomer(db.hub());
    for (SeenTransaction& transaction : stream.Take()) seen.push_back(std::move(transaction));
    const auto late = latecomer.Take();
    if (!late.empty()) CheckOrder(late, late[0].frames[1].rowid_after / 100);
  }
  for (std::thread& writer : writers) writer.join();
  for (SeenTransaction& transaction : stream.Take()) seen.push_back(std::move(transaction));

  Check(seen.size() == static_cast<size_t>(committed), "every commit is published, and nothing else");
  CheckOrder(seen, 1);
}
