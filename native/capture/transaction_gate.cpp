#include "capture/transaction_gate.h"

namespace rowtap::capture {

thread_local int TransactionGate::open_in_thread_ = 0;

bool TransactionGate::TryHold(std::chrono::microseconds patience) noexcept {
  if (is_held_.exchange(true)) return false;
  if (IsEmpty()) return true;
  if (patience.count() > 0 && !IsThreadInside()) {
    std::unique_lock lock(mutex_);
    if (emptied_.wait_for(lock, patience, [this] { return IsEmpty(); })) return true;
  }
  Release();
  return false;
}

void TransactionGate::Release() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_held_.store(false);
  }
  released_.notify_all();
}

void TransactionGate::EnterAfterRelease() noexcept {
  do {
    StepBack();
    std::unique_lock lock(mutex_);
    released_.wait(lock, [this] { return !is_held_.load(); });
    open_.fetch_add(1);
  } while (is_held_.load());
}

void TransactionGate::StepBack() noexcept {
  if (open_.fetch_sub(1) != 1 || !is_held_.load()) return;
  const std::lock_guard lock(mutex_);
  emptied_.notify_all();
}

}  // namespace rowtap::capture
