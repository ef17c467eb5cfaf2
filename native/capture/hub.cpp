#include "capture/hub.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <random>

#include "capture/file_key.h"
#include "capture/frame.h"
#include "capture/log_tail.h"
#include "capture/reader.h"
#include "capture/transaction_buffer.h"

namespace rowtap::capture {

namespace {

// Fresh memory costs more than what is copied into it: a few megabytes go around while somebody listens or a log is kept, enough for what
// is recorded in case somebody does while nobody listens.
constexpr uint64_t kKeptMemoryWatched = 4 * 1024 * 1024;
constexpr uint64_t kKeptMemoryUnwatched = Hub::kMaxUnwatchedBytes + 2 * kPageSize;

// Never destroyed: threads may still close connections while the process exits.
struct Registry {
  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<Hub>> hubs;  // those with writers
  uint64_t last_serial = 0;
  std::atomic<int64_t> highest_lsn{0};
};

Registry& TheRegistry() {
  static auto* registry = new Registry();
  return *registry;
}

// Whether the path that the connection was opened by leads to what it has open.
bool HasMoved(sqlite3* db) {
  int has_moved = 0;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
  return has_moved != 0;
}

std::string RandomName() {
  std::random_device random;
  std::string name;
  for (int word = 0; word < 4; word++) name += std::to_string(random()) + (word < 3 ? "-" : "");
  return name;
}

// So that LSNs grow across restarts without anything being written, as long as the clock does; within a process, whatever the clock does.
int64_t FirstLsn() {
  const int64_t now = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  return std::max(now, TheRegistry().highest_lsn.load());
}

// Counts of two journal modes say nothing about each other, and neither does one that is not known.
bool IsSameCount(uint64_t known, uint64_t found) noexcept {
  return known >> 32 != found >> 32 || known == found;
}
// As rowtap_commit_counter has it.
constexpr uint64_t kModeBits = 0xffffffff00000000u;
// How far a count is ahead of another one that does not know the journal mode.
uint64_t LogBase(uint64_t counter, uint64_t commits) noexcept {
  return (counter & kModeBits) | static_cast<uint32_t>(counter - commits);
}
bool IsOfRollbackJournal(uint64_t count) noexcept {
  return count >> 32 == 1;
}

void NoteLsn(int64_t lsn) noexcept {
  std::atomic<int64_t>& highest = TheRegistry().highest_lsn;
  for (int64_t known = highest.load(); known < lsn && !highest.compare_exchange_weak(known, lsn);) {
  }
}

}  // namespace

std::shared_ptr<Hub> Hub::Join(sqlite3* db) {
  Registry& registry = TheRegistry();
  std::string file = FileKey(db, "main");
  const std::lock_guard lock(registry.mutex);
  std::shared_ptr<Hub> hub;
  if (const auto found = registry.hubs.find(file); found != registry.hubs.end()) hub = found->second;
  if (hub == nullptr) {
    hub = std::make_shared<Hub>(file, ++registry.last_serial);
    if (!file.empty()) registry.hubs.emplace(std::move(file), hub);
  }
  hub->writers_++;
  return hub;
}

std::shared_ptr<Hub> Hub::OfWriters(sqlite3* db) {
  Registry& registry = TheRegistry();
  const std::string file = FileKey(db, "main");
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.hubs.find(file);
  return found == registry.hubs.end() ? nullptr : found->second;
}

void Hub::Leave() noexcept {
  NoteLsn(lsn());
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  if (--writers_ > 0) return;
  if (!file_.empty()) registry.hubs.erase(file_);
  const std::lock_guard own_lock(mutex_);
  has_writers_ = false;
}

Hub::Hub(std::string file, uint64_t serial)
    : file_(std::move(file)),
      serial_(serial),
      life_(RandomName()),
      store_(std::make_shared<PageStore>()),
      next_lsn_(FirstLsn()),
      published_lsn_(next_lsn_) {
  store_->SetKeptMemory(kKeptMemoryUnwatched);
}

void Hub::Enter(std::shared_ptr<PendingCommit> pending, bool has_changes, uint64_t counter_before) noexcept {
  const std::lock_guard lock(mutex_);
  PendingCommit* last = pending.get();
  const bool is_expected = last_pending_ == nullptr ? IsOurs(counter_, counter_before) : IsOursBehindOpen(counter_before);
  last->gap_lsn = is_expected && !is_gap_due_ ? 0 : ++next_lsn_;
  is_gap_due_ = false;
  last->lsn = has_changes ? ++next_lsn_ : 0;
  last->log_lsn = last->log_gap_lsn = 0;
  last->is_behind_others = false;
  last->counter_before = counter_before;
  Append(std::move(pending));
}

void Hub::EnterLogged(std::shared_ptr<PendingCommit> pending, bool has_changes, uint64_t counter_before, const LogTail& tail) noexcept {
  const std::lock_guard lock(mutex_);
  PendingCommit& last = *pending;
  next_lsn_ = std::max(next_lsn_, tail.lsn());
  const bool is_first = log_tail_ == INT64_MIN;
  last.is_behind_others = !is_first && tail.lsn() != log_tail_ && tail.lsn() != log_tail_if_undone_;
  if (!tail.is_known || is_first || !has_writers_) log_base_ = 0;
  if (is_first) NoteLogBase(tail);
  bool is_foreign = false;
  const uint64_t uncounted = CountOthers(counter_before, tail.header.commits, is_foreign);
  last.log_gap_lsn = is_foreign || is_gap_due_ ? ++next_lsn_ : 0;
  last.gap_lsn = last.log_gap_lsn == 0 && last.is_behind_others ? ++next_lsn_ : last.log_gap_lsn;
  is_gap_due_ = false;
  last.lsn = has_changes ? ++next_lsn_ : 0;
  last.log_lsn = has_changes ? last.lsn : ++next_lsn_;
  last.commits = tail.header.commits + uncounted + 1;
  last.delivered_lsn = has_changes ? last.lsn : last.log_gap_lsn != 0 ? last.log_gap_lsn : tail.delivered_lsn();
  last.counter_before = counter_before;
  if (!is_logged_) {
    is_logged_ = true;
    KeepMemory();
  }
  log_tail_ = last.log_lsn;
  log_tail_if_undone_ = tail.lsn();
  Append(std::move(pending));
}

void Hub::Append(std::shared_ptr<PendingCommit> pending) noexcept {
  PendingCommit* last = pending.get();
  last->thread = std::this_thread::get_id();
  last->is_resolved = false;
  if (last_pending_ == nullptr) {
    first_pending_ = std::move(pending);
  } else {
    last_pending_->next = std::move(pending);
  }
  last_pending_ = last;
}

// With a rollback journal the file itself counts, so that the first look already tells what others have done since the last entry. In WAL
// mode the count begins anew with the WAL index, whenever nobody has had the file open.
void Hub::NoteLogBase(const LogTail& tail) noexcept {
  if (tail.is_known && IsOfRollbackJournal(tail.header.counter)) log_base_ = LogBase(NextCount(tail.header.counter), tail.header.commits);
}

// How many commits SQLite has counted beyond those that the log knows, and whether any of them is somebody else's.
uint64_t Hub::CountOthers(uint64_t counter, uint64_t commits, bool& is_foreign) noexcept {
  is_foreign = false;
  if (counter == 0) return 0;
  if (log_base_ >> 32 != counter >> 32) log_base_ = LogBase(counter, commits);
  const uint64_t expected = (counter & kModeBits) | static_cast<uint32_t>(log_base_ + commits);
  if (expected == counter) return 0;
  is_foreign = !unannounced_.Explain(expected, counter);
  return static_cast<uint32_t>(counter - expected);
}

bool Hub::MeetTail(const LogTail& tail, uint64_t counter) noexcept {
  next_lsn_ = std::max(next_lsn_, tail.lsn());
  const bool is_first = log_tail_ == INT64_MIN;
  if (!is_first && tail.lsn() != log_tail_ && tail.lsn() != log_tail_if_undone_) {
    FallBehindLog();
    PublishGap(++next_lsn_, Whom::kWithoutLog);
  }
  if (!tail.is_known || !has_writers_) log_base_ = 0;
  if (is_first) NoteLogBase(tail);
  log_tail_ = log_tail_if_undone_ = tail.lsn();
  log_lsn_ = tail.delivered_lsn();
  bool is_foreign = false;
  CountOthers(counter, tail.header.commits, is_foreign);
  return is_foreign;
}

void Hub::KeepMemory() noexcept {
  store_->SetKeptMemory(is_logged_ || !readers_.empty() ? kKeptMemoryWatched : kKeptMemoryUnwatched);
}

void Hub::FallBehindLog() noexcept {
  for (const auto& reader : readers_) {
    if (reader->has_log()) reader->Fall();
  }
}

bool Hub::IsOnFile(sqlite3* db) const {
  return FileKey(db, "main") == file_ && !HasMoved(db);
}

Hub::Look Hub::CheckForeignCommits(const std::function<void(FileState&)>& read_state) {
  const bool is_held = gate_.TryHold(std::chrono::microseconds(0));
  const std::unique_ptr<TransactionGate, void (*)(TransactionGate*)> hold(is_held ? &gate_ : nullptr,
                                                                          [](TransactionGate* gate) { gate->Release(); });
  const std::lock_guard lock(mutex_);
  if (first_pending_ != nullptr) return Look::kDone;
  if (!is_held && IsOfRollbackJournal(counter_)) return Look::kPutOff;
  FileState state;
  read_state(state);
  if (state.counter == 0) return Look::kDone;
  if (state.has_log) {
    counter_ = state.counter;
    return MeetTail(state.tail, state.counter) || is_gap_due_ ? Look::kForeignCommits : Look::kDone;
  }
  if (!IsOurs(counter_, state.counter) || is_gap_due_) PublishGap(++next_lsn_);
  is_gap_due_ = false;
  counter_ = state.counter;
  return Look::kDone;
}

void Hub::AnnounceForeignCommits() noexcept {
  const std::lock_guard lock(mutex_);
  if (first_pending_ != nullptr) return;
  log_base_ = 0;
  is_gap_due_ = false;
  PublishGap(++next_lsn_);
}

// Whether nobody else has committed between the two counts.
bool Hub::IsOurs(uint64_t known, uint64_t found) noexcept {
  return IsSameCount(known, found) || unannounced_.Explain(known, found);
}

// The commit in front, whose outcome may be open, has counted or has not. Only where neither fits is a VACUUM looked for.
bool Hub::IsOursBehindOpen(uint64_t found) noexcept {
  const uint64_t before = last_pending_->counter_before;
  return IsSameCount(before, found) || IsSameCount(NextCount(before), found) || unannounced_.Explain(NextCount(before), found) ||
         unannounced_.Explain(before, found);
}

void Hub::NoteReplacedContent() noexcept {
  const std::lock_guard lock(mutex_);
  is_gap_due_ = true;
}

void Hub::BeginVacuum() noexcept {
  const std::lock_guard lock(mutex_);
  unannounced_.Begin();
}

void Hub::EndVacuum(uint64_t counter_after) noexcept {
  const std::lock_guard lock(mutex_);
  // Told late, in front of what comes next: better than never.
  if (!unannounced_.End(counter_after)) is_gap_due_ = true;
}

void Hub::Resolve(PendingCommit& pending, bool is_committed, bool is_lost, BatchPtr batch) noexcept {
  {
    const std::lock_guard lock(mutex_);
    pending.is_resolved = true;
    pending.is_committed = is_committed;
    pending.is_lost = is_lost;
    pending.batch = std::move(batch);
    PublishResolved();
  }
  resolved_.notify_all();
}

void Hub::PublishResolved() noexcept {
  while (first_pending_ != nullptr && first_pending_->is_resolved) {
    const std::shared_ptr<PendingCommit> pending = std::move(first_pending_);
    first_pending_ = std::move(pending->next);
    if (first_pending_ == nullptr) last_pending_ = nullptr;
    const BatchPtr batch = std::move(pending->batch);
    if (pending->log_lsn != 0 && pending->is_behind_others) FallBehindLog();
    // A gap that is to stand in the log is met again by the next commit where this one is undone.
    if (pending->gap_lsn != 0 && (pending->log_gap_lsn == 0 || pending->is_committed)) {
      PublishGap(pending->gap_lsn, pending->log_lsn != 0 && pending->log_gap_lsn == 0 ? Whom::kWithoutLog : Whom::kAll);
    }
    counter_ = pending->is_committed ? pending->counter_after : pending->counter_before;
    if (pending->is_lost) {
      for (const auto& reader : readers_) reader->Lose();
      is_loss_unnumbered_ = pending->lsn == 0;
    }
    if (pending->is_committed && pending->log_lsn != 0) log_lsn_ = pending->delivered_lsn;
    if (!pending->is_committed || pending->lsn == 0) continue;
    is_loss_unnumbered_ = false;
    published_lsn_ = pending->lsn;
    stats_.transactions++;
    stats_.changes += pending->changes;
    stats_.bytes += pending->size;
    if (batch == nullptr) continue;
    for (const auto& reader : readers_) reader->Push(batch);
  }
  if (is_loss_unnumbered_ && first_pending_ == nullptr) {
    is_loss_unnumbered_ = false;
    published_lsn_ = ++next_lsn_;
  }
}

void Hub::PublishGap(int64_t lsn, Whom whom) noexcept {
  published_lsn_ = lsn;
  const auto is_told = [whom](const auto& reader) { return whom == Whom::kAll || !reader->has_log(); };
  if (std::ranges::none_of(readers_, is_told)) return;
  stats_.gaps++;
  std::shared_ptr<Batch> batch;
  try {
    TransactionBuffer buffer(store_);
    uint8_t* const frame = buffer.BeginFrame(kHeaderSize);
    if (frame == nullptr) throw std::bad_alloc();
    FrameHeader header{};
    header.frame_size = kHeaderSize;
    header.op = static_cast<uint8_t>(FrameOp::kGap);
    std::memcpy(frame, &header, kHeaderSize);
    if (!buffer.EndFrame()) throw std::bad_alloc();
    batch = buffer.Detach();
    batch->lsn = lsn;
    batch->time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  } catch (const std::bad_alloc&) {
    // What cannot be said by a gap is said by an end.
  }
  for (const auto& reader : readers_) {
    if (!is_told(reader)) continue;
    if (batch == nullptr) {
      reader->Lose();
    } else {
      reader->Push(batch);
    }
  }
}

bool Hub::Abandon() noexcept {
  const std::lock_guard lock(mutex_);
  if (!readers_.empty()) return false;
  abandoned_++;
  return true;
}

void Hub::EndAbandoned() noexcept {
  const std::lock_guard lock(mutex_);
  abandoned_--;
}

int64_t Hub::lsn() noexcept {
  const std::lock_guard lock(mutex_);
  return published_lsn_;
}

int64_t Hub::log_lsn() noexcept {
  const std::lock_guard lock(mutex_);
  return log_lsn_;
}

void Hub::RaiseLsn(int64_t lsn) noexcept {
  const std::lock_guard lock(mutex_);
  next_lsn_ = std::max(next_lsn_, lsn);
  if (first_pending_ == nullptr) published_lsn_ = std::max(published_lsn_, lsn);
}

HubStats Hub::stats() noexcept {
  const std::lock_guard lock(mutex_);
  HubStats stats = stats_;
  stats.spilled_bytes = store_->spilled_bytes();
  return stats;
}

Hub::OpenResult Hub::Open(const std::shared_ptr<Reader>& reader, const std::function<bool()>& begin_snapshot) {
  std::unique_lock lock(mutex_);
  for (const PendingCommit* pending = first_pending_.get(); pending != nullptr; pending = pending->next.get()) {
    // Waiting for a commit of this very thread would be waiting for oneself; not so for one that only stands behind another thread's.
    if (!pending->is_resolved && pending->thread == std::this_thread::get_id()) return OpenResult::kBusy;
  }
  resolved_.wait(lock, [this] { return first_pending_ == nullptr; });
  if (abandoned_ > 0) return OpenResult::kBusy;
  // Nothing can fail once the snapshot's transaction has begun.
  readers_.reserve(readers_.size() + 1);
  if (begin_snapshot && !begin_snapshot()) return OpenResult::kFailed;
  reader->Begin(published_lsn_);
  readers_.push_back(reader);
  is_watched_.store(true, std::memory_order_release);
  KeepMemory();
  return OpenResult::kOpened;
}

void Hub::Close(Reader& reader) noexcept {
  std::shared_ptr<Reader> closed;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(readers_.begin(), readers_.end(), [&](const auto& each) { return each.get() == &reader; });
    if (found != readers_.end()) {
      closed = std::move(*found);
      readers_.erase(found);
    }
    if (readers_.empty()) {
      is_watched_.store(false, std::memory_order_release);
      KeepMemory();
    }
  }
  reader.Close();
}

void Hub::HoldLog(const void* owner, int64_t lsn) {
  const std::lock_guard lock(mutex_);
  log_holders_[owner] = lsn;
}

void Hub::ReleaseLog(const void* owner) noexcept {
  const std::lock_guard lock(mutex_);
  log_holders_.erase(owner);
}

int64_t Hub::held_log_lsn() noexcept {
  const std::lock_guard lock(mutex_);
  int64_t lsn = INT64_MAX;
  for (const auto& reader : readers_) {
    if (reader->has_log()) lsn = std::min(lsn, reader->lsn());
  }
  for (const auto& [owner, held] : log_holders_) lsn = std::min(lsn, held);
  return lsn;
}

bool Hub::TakeConsumer(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return consumers_.insert(name).second;
}

void Hub::FreeConsumer(const std::string& name) noexcept {
  const std::lock_guard lock(mutex_);
  consumers_.erase(name);
}

uint32_t Hub::Intern(std::string_view description) {
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = table_ids_.try_emplace(std::string(description), static_cast<uint32_t>(descriptions_.size() + 1));
  if (is_new) {
    try {
      descriptions_.emplace_back(description);
    } catch (...) {
      table_ids_.erase(found);
      throw;
    }
  }
  return found->second;
}

std::string Hub::Describe(uint32_t table_id) {
  const std::lock_guard lock(mutex_);
  return table_id >= 1 && table_id <= descriptions_.size() ? descriptions_[table_id - 1] : std::string();
}

}  // namespace rowtap::capture
