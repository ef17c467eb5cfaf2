// Keeps the transactions of the application's connections, and what rowtap writes for itself, apart.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace rowtap::capture {

// Of one hub; thread-safe. A commit of rowtap's own between an application's read and its write would make that write fail with
// SQLITE_BUSY_SNAPSHOT, and its lock would make others fail that do not wait (https://www.sqlite.org/isolation.html). So rowtap writes only
// while no transaction of the process is open on the file, and those that come meanwhile wait for it, for that one short write.
//
// A read that makes up a transaction, and that no write locks out, need not enter (Capture::ReadsApart).
//
// Each side says first that it comes and looks then whether the other one is there, in the one order of sequentially consistent
// operations: at least one sees the other. Who enters gives way; who holds waits for those inside no longer than it is told to, and not at
// all in a thread that is inside itself.
class TransactionGate {
 public:
  // A statement begins on a connection that had no transaction open.
  void Enter() noexcept {
    open_.fetch_add(1);
    if (is_held_.load()) EnterAfterRelease();
    open_in_thread_++;
  }
  // Neither a statement nor a transaction is open on it any more. In the thread that entered.
  void Leave() noexcept {
    open_in_thread_--;
    StepBack();
  }
  // Whether the calling thread is inside, of whatever gate.
  static bool IsThreadInside() noexcept { return open_in_thread_ > 0; }

  // True where nobody is inside, or nobody is any more when `patience` ends; those who come wait meanwhile. Release has to follow soon.
  // False where somebody stays inside, or somebody else holds it.
  bool TryHold(std::chrono::microseconds patience) noexcept;
  void Release() noexcept;

 private:
  void EnterAfterRelease() noexcept;
  void StepBack() noexcept;
  bool IsEmpty() const noexcept { return open_.load() == 0; }

  static thread_local int open_in_thread_;

  std::atomic<int> open_{0};
  std::atomic<bool> is_held_{false};
  std::mutex mutex_;  // orders a change of the two above before the wait that it ends
  std::condition_variable emptied_;
  std::condition_variable released_;
};

}  // namespace rowtap::capture
