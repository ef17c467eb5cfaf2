// What happens in one database file, whichever connection of this process writes it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "capture/batch.h"
#include "capture/log_tail.h"
#include "capture/page_store.h"
#include "capture/transaction_gate.h"
#include "capture/unannounced_commits.h"
#include "sqlite3.h"

namespace rowtap::capture {

class Reader;

// A commit on its way, of whatever connection of ours: entered while the write lock is held, and published or dropped when its statement
// ends.
struct PendingCommit {
  int64_t lsn = 0;      // 0: it changed nothing that is delivered
  int64_t gap_lsn = 0;  // of the gap before it, where somebody else had committed; 0: none
  // Where the file keeps a log: of what it writes there, in front of that the gap, where somebody else has committed without writing there
  // (0: none), and the number that it counts as.
  int64_t log_lsn = 0;
  int64_t log_gap_lsn = 0;
  uint64_t commits = 0;
  int64_t delivered_lsn = 0;      // of the newest entry that something is delivered of, when it has been committed
  bool is_behind_others = false;  // the log holds transactions of other processes that stand before it
  uint64_t counter_before = 0;    // rowtap_commit_counter in its transaction, and after the commit
  uint64_t counter_after = 0;
  std::thread::id thread;
  bool is_resolved = false;
  bool is_committed = false;
  bool is_lost = false;  // committed, but what it changed could not be recorded
  BatchPtr batch;        // null: dropped, lost, or nobody listens
  uint32_t changes = 0;
  uint64_t size = 0;
  std::shared_ptr<PendingCommit> next;  // in commit order
};

struct HubStats {
  uint64_t transactions = 0;
  uint64_t changes = 0;
  uint64_t bytes = 0;
  uint64_t spilled_bytes = 0;
  uint64_t gaps = 0;  // that were published to some reader
};

// Thread-safe. Found by the file itself while a captured connection has it open; what outlives those (a reader that has not come to the
// end) keeps the hub, but a connection opened then begins another one: the file may be another by then, with the same inode.
//
// The life of a commit: Enter in the commit hook, while SQLite's write lock is still held, so that LSN order is commit order; Commit or
// Drop when the statement has ended and the outcome is known. One whose outcome is open holds back those after it. A reader begins only
// while none is open.
//
// SQLite counts the commits of everybody; each of ours knows the count that it found. Where that is not the one that ours left, somebody
// else has committed in between: a gap is published at that place, with an LSN of its own.
//
// Where the file keeps a log, all processes that write it through rowtap count together: each entry tells how many commits were known when
// it was written. What SQLite has counted beyond that is somebody else's, and becomes a gap in the log itself. Readers that can read the
// log are not handed what others have written there: they fall, and read on there.
class Hub : public std::enable_shared_from_this<Hub> {
 public:
  // The hub of the file that the connection has open as main; of its own for an in-memory or temporary database. Adds a writer to it.
  static std::shared_ptr<Hub> Join(sqlite3* db);
  // The hub that the writers of the file have joined; null where it has none.
  static std::shared_ptr<Hub> OfWriters(sqlite3* db);
  // The connection of one Join has been closed.
  void Leave() noexcept;

  // What a transaction that nobody listens to may hold, in case somebody subscribes before it commits.
  static constexpr uint64_t kMaxUnwatchedBytes = 32 * 1024;

  Hub(std::string file, uint64_t serial);

  // Whether the connection has this hub's file open. False for ever where its path was deleted, renamed, or given to another file.
  bool IsOnFile(sqlite3* db) const;

  // Unlike any other hub's of this process, earlier ones included.
  std::string key() const { return file_ + '#' + std::to_string(serial_); }
  const std::shared_ptr<PageStore>& store() const noexcept { return store_; }
  // Names, among all processes, the time from its first writer to its last, in which no commit of this process goes uncounted.
  const std::string& life() const noexcept { return life_; }

  // A name is used by one subscription at a time, in whatever thread. False where it is taken. Throws std::bad_alloc.
  bool TakeConsumer(const std::string& name);
  void FreeConsumer(const std::string& name) noexcept;

  // Inside a hook: allocates nothing. `has_changes`: it takes an LSN.
  void Enter(std::shared_ptr<PendingCommit> pending, bool has_changes, uint64_t counter_before) noexcept;
  // The same where the file keeps a log, whose newest entry is `tail`; says in `pending` what is to be written there.
  void EnterLogged(std::shared_ptr<PendingCommit> pending, bool has_changes, uint64_t counter_before, const LogTail& tail) noexcept;
  // Says what became of it, and publishes, in LSN order, all that this makes publishable.
  void Drop(PendingCommit& pending) noexcept { Resolve(pending, false, false, nullptr); }
  void Commit(PendingCommit& pending, BatchPtr batch) noexcept { Resolve(pending, true, false, std::move(batch)); }
  void Lose(PendingCommit& pending) noexcept { Resolve(pending, true, true, nullptr); }

  enum class Look : uint8_t {
    kDone,
    kPutOff,          // with a rollback journal the look's lock could refuse a transaction of ours that is open
    kForeignCommits,  // of somebody who does not write the log: a commit of ours is due, which writes the gap
  };
  // Looks whether somebody else has committed since ours last did. `read_state` reads in a transaction of now (its counter stays 0 where
  // that fails); it runs while no commit is in doubt and none can be published. Nothing is looked at while one is in doubt: it will see for
  // itself.
  Look CheckForeignCommits(const std::function<void(FileState&)>& read_state);
  // Where the log can't be written: the gap is told to the readers of this process alone.
  void AnnounceForeignCommits() noexcept;
  // A look at a log, in a transaction of now, while none of ours is in doubt and none can be published (inside Open): readers fall where
  // others have written. True where somebody has committed without writing there; whoever commits next writes the gap.
  bool MeetTail(const LogTail& tail, uint64_t counter) noexcept;
  // A backup has been written over the file. It has counted as one commit of somebody else; where it has brought another journal mode
  // along, that says nothing: here it is told, at the next look or commit.
  void NoteReplacedContent() noexcept;
  // Around a VACUUM, whose commit no hook announces. `counter_after`: rowtap_commit_counter after it, 0 where it failed.
  void BeginVacuum() noexcept;
  void EndVacuum(uint64_t counter_after) noexcept;

  // Whether a transaction's changes are wanted. What is recorded before anybody listens is kept up to a bound.
  bool IsWatched() noexcept { return is_watched_.load(std::memory_order_acquire); }
  // Gives up an unwatched transaction that has grown too large, or whose schema change is not observed: until it has ended nobody can begin
  // to listen. False: somebody listens by now.
  bool Abandon() noexcept;
  void EndAbandoned() noexcept;

  int64_t lsn() noexcept;
  // Of the newest entry of the log that something is delivered of, as far as is known here; -1 where nobody has looked.
  int64_t log_lsn() noexcept;
  void RaiseLsn(int64_t lsn) noexcept;
  HubStats stats() noexcept;

  enum class OpenResult { kOpened, kBusy, kFailed };
  // Starts a reader after the last published transaction. `begin_snapshot` runs while no commit is in doubt and none can be published;
  // it may fail (kFailed). kBusy: an abandoned transaction is open, or this thread itself is within a commit.
  OpenResult Open(const std::shared_ptr<Reader>& reader, const std::function<bool()>& begin_snapshot);
  void Close(Reader& reader) noexcept;

  // Equal descriptions have equal ids. Throws std::bad_alloc.
  uint32_t Intern(std::string_view description);
  std::string Describe(uint32_t table_id);

  TransactionGate& gate() noexcept { return gate_; }

  // Somebody in this process still needs the log from that LSN on. `owner` names him.
  void HoldLog(const void* owner, int64_t lsn);
  void ReleaseLog(const void* owner) noexcept;
  // What is needed at least; INT64_MAX where nobody needs anything.
  int64_t held_log_lsn() noexcept;

 private:
  void Resolve(PendingCommit& pending, bool is_committed, bool is_lost, BatchPtr batch) noexcept;
  void PublishResolved() noexcept;
  void Append(std::shared_ptr<PendingCommit> pending) noexcept;
  enum class Whom : uint8_t { kAll, kWithoutLog };
  void PublishGap(int64_t lsn, Whom whom = Whom::kAll) noexcept;
  void FallBehindLog() noexcept;
  void KeepMemory() noexcept;
  void NoteLogBase(const LogTail& tail) noexcept;
  uint64_t CountOthers(uint64_t counter, uint64_t commits, bool& is_foreign) noexcept;
  bool IsOurs(uint64_t known, uint64_t found) noexcept;
  bool IsOursBehindOpen(uint64_t found) noexcept;

  const std::string file_;  // empty: found by nobody else
  const uint64_t serial_;
  uint32_t writers_ = 0;  // under the registry's lock
  const std::string life_;
  const std::shared_ptr<PageStore> store_;

  std::mutex mutex_;
  std::condition_variable resolved_;
  int64_t next_lsn_;
  int64_t published_lsn_;
  std::shared_ptr<PendingCommit> first_pending_;
  PendingCommit* last_pending_ = nullptr;
  // What was lost had been taken for a commit of nothing when it entered. Those who come later must find an LSN that they have not seen.
  bool is_loss_unnumbered_ = false;
  uint64_t counter_ = 0;  // as the last resolved commit left it; 0: not known
  UnannouncedCommits unannounced_;
  bool is_gap_due_ = false;
  // LSN of the log's newest entry, as far as is known here; INT64_MIN: not looked yet. Beside it what it is if the commit on its way fails.
  int64_t log_tail_ = INT64_MIN;
  int64_t log_tail_if_undone_ = INT64_MIN;
  int64_t log_lsn_ = -1;    // of the newest one that something is delivered of
  bool is_logged_ = false;  // by the newest commit
  // False when the last of them has left: what is still written for readers may find SQLite counting anew, since nobody keeps the file
  // open.
  bool has_writers_ = true;
  uint64_t log_base_ = 0;  // what SQLite's counter is ahead of the log's, and the journal mode; 0: not known
  std::unordered_map<const void*, int64_t> log_holders_;
  std::vector<std::shared_ptr<Reader>> readers_;
  uint32_t abandoned_ = 0;
  HubStats stats_;
  std::unordered_map<std::string, uint32_t> table_ids_;
  std::deque<std::string> descriptions_;       // by id - 1
  std::unordered_set<std::string> consumers_;  // names in use

  std::atomic<bool> is_watched_{false};
  TransactionGate gate_;
};

}  // namespace rowtap::capture
