// One subscription's place in the stream of batches.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "capture/batch.h"

namespace rowtap::capture {

class Hub;

enum class News : uint8_t {
  kForWhoWaits,  // nobody has to be woken for it unless he waits
  kForATurn,     // the thread shall have a turn even if nobody waits: only then is it known what it leaves unread
};

// Tells a reader's thread that something has come. Called from any thread, inside the hub's lock.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void Notify(News news) noexcept = 0;
  // Grows each time the thread's readers have had their chance to read.
  virtual uint64_t turn() const noexcept = 0;
};

// kBehind: what follows is to be read in the log.
enum class ReaderState : uint8_t { kOpen = 0, kClosed = 1, kLaggard = 2, kLost = 3, kEnded = 4, kBehind = 5 };

// Pushed to by the hub from the threads that commit, read in one thread.
//
// What a reader leaves unread while it had its chance counts as lag, and past `max_buffered` it is closed. A burst written in one
// synchronous stretch does not count until it has been read: no chance lay within it. Only one burst at a time is excused, so that a reader
// that never reads is found out at its second. Nothing counts before the first read of a reader that has a snapshot to deliver first.
//
// One that can read the log is never closed for that, nor lost: it is pushed to no further, and what it has missed is read there. So it
// needs no excuses, and holds no more than its limit.
class Reader {
 public:
  enum class Kind : uint8_t {
    kLive,
    kWithSnapshot,  // live, behind a snapshot
    kWithLog,
  };
  // Throws std::bad_alloc.
  Reader(std::shared_ptr<Waker> waker, uint64_t max_buffered, Kind kind)
      : waker_(std::move(waker)), max_buffered_(max_buffered), has_log_(kind == Kind::kWithLog), is_held_(kind == Kind::kWithSnapshot) {}

  // From the hub.
  void Begin(int64_t lsn) noexcept;
  // Before that, where there is a log: where it ends. Numbers of other processes may be smaller than those of this one.
  void BeginInLog(int64_t tail_lsn) noexcept;
  void Push(const BatchPtr& batch) noexcept;
  bool has_log() const noexcept { return has_log_; }
  // A committed transaction could not be recorded: the reader ends before it.
  void Lose() noexcept { EndAs(has_log_ ? ReaderState::kBehind : ReaderState::kLost); }
  // Of one that has a log: what comes next stands there.
  void Fall() noexcept { EndAs(ReaderState::kBehind); }
  // Its source has ended: nothing is pushed any more.
  void End() noexcept { EndAs(ReaderState::kEnded); }

  // From the reader's thread. A transaction for one that no hub pushes to.
  void Feed(BatchPtr batch);
  int64_t start_lsn() const noexcept { return start_lsn_; }
  // Of the last transaction that Read has begun; start_lsn before the first.
  int64_t lsn() noexcept;
  const Waker& waker() const noexcept { return *waker_; }
  // Whole frames; each batch's are led by one of op kBatch. Results as ReadFrames has them.
  int64_t Read(uint8_t* to, uint64_t capacity) noexcept;
  // The batch that Read is inside of or has just begun; null between two.
  BatchPtr batch() noexcept;
  void SkipBatch() noexcept;
  ReaderState state() noexcept;
  struct Buffered {
    uint64_t transactions;
    uint64_t bytes;
  };
  Buffered buffered() noexcept;
  void Close() noexcept;

 private:
  uint64_t Lag() const noexcept;
  void Finish(ReaderState state) noexcept;
  void EndAs(ReaderState state) noexcept;

  const std::shared_ptr<Waker> waker_;
  const uint64_t max_buffered_;
  const bool has_log_;

  std::mutex mutex_;
  std::deque<BatchPtr> batches_;
  uint64_t offset_ = 0;     // in the first batch
  bool has_begun_ = false;  // the first batch's kBatch frame has been handed out
  bool has_place_ = false;
  int64_t start_lsn_ = 0;
  int64_t read_lsn_ = 0;
  ReaderState state_ = ReaderState::kOpen;

  // Positions in the bytes pushed since the beginning.
  uint64_t pushed_ = 0;
  uint64_t read_ = 0;
  uint64_t burst_end_ = 0;
  uint64_t turn_ = 0;  // the turn of the last push
  bool can_burst_ = true;
  bool is_held_;
};

}  // namespace rowtap::capture
