// Tells JavaScript, once per event-loop turn, that readers of this thread have something to read.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "capture/reader.h"

namespace rowtap::node {

// One for each JavaScript environment. Notified from any thread; everything else happens on the environment's own.
class WakeState final : public capture::Waker {
 public:
  // Of the environment that `env` is; made at the first call.
  static std::shared_ptr<WakeState> Of(Napi::Env env);

  void Notify() noexcept override;
  uint64_t turn() const noexcept override { return turn_.load(std::memory_order_relaxed); }

  void SetWake(Napi::Function wake);
  void EndTurn(Napi::Env env);
  void Flush(Napi::Env env);

 private:
  static void CleanUp(void* holder);

  const std::thread::id thread_ = std::this_thread::get_id();
  std::atomic<bool> has_news_{false};
  std::atomic<uint64_t> turn_{1};
  bool is_scheduled_ = false;
  Napi::FunctionReference wake_;
  std::mutex mutex_;                          // over `calls_`, which the environment takes away at its end
  napi_threadsafe_function calls_ = nullptr;  // how other threads reach this one; holds no process open
};

// To be called at the end of every native call that can have ended a statement (run, get, all, exec, an iterator's next and return, close):
// calls the function given to `setWake` if a reader of this thread was published to since the last `endTurn`. Cheap when there is nothing.
void FlushWake(Napi::Env env);

// Registers setWake and endTurn.
void InitWake(Napi::Env env, Napi::Object exports);

}  // namespace rowtap::node
