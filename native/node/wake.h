// Tells JavaScript, once per event-loop turn, that readers of this thread have something to read that somebody waits for.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "capture/reader.h"

namespace rowtap::node {

// One for each JavaScript environment. Notified from any thread; everything else happens on the environment's own.
//
// News that nobody waits for is only remembered: whoever begins to wait then finds it. Each side first sets its own flag and then looks at
// the other's, so that one of the two sees that there is something to do.
class WakeState final : public capture::Waker {
 public:
  // Of the environment that `env` is; made at the first call.
  static std::shared_ptr<WakeState> Of(Napi::Env env);

  void Notify(capture::News news) noexcept override;
  uint64_t turn() const noexcept override { return turn_.load(std::memory_order_relaxed); }

  void SetWake(Napi::Function wake);
  void SetAwaited(Napi::Env env, bool is_awaited);
  void EndTurn(Napi::Env env, bool is_awaited);
  // See FlushWake.
  void Flush(Napi::Env env) {
    if (has_news_.load(std::memory_order_relaxed)) FlushNews(env);
  }
  // The call that another thread asked for has come.
  void OnCall(Napi::Env env);

 private:
  // What is on its way to JavaScript.
  enum class Turn : uint8_t { kNone, kCalled, kScheduled };

  static void CleanUp(void* holder);
  void FlushNews(Napi::Env env);
  bool IsDue() const noexcept { return has_news_.load() && (is_awaited_.load() || wants_turn_.load()); }

  const std::thread::id thread_ = std::this_thread::get_id();
  std::atomic<bool> has_news_{false};
  std::atomic<bool> is_awaited_{false};
  std::atomic<bool> wants_turn_{false};
  std::atomic<Turn> next_turn_{Turn::kNone};
  std::atomic<uint64_t> turn_{1};
  Napi::FunctionReference wake_;
  std::mutex mutex_;                          // over `calls_`, which the environment takes away at its end
  napi_threadsafe_function calls_ = nullptr;  // how other threads reach this one; holds no process open
};

// To be called at the end of every native call that can have ended a statement (run, get, all, exec, an iterator's next and return, close):
// calls the function given to `setWake` if a reader of this thread was published to since the last `endTurn`, and somebody waits for that.
// Cheap when there is nothing.
void FlushWake(Napi::Env env);

// Registers setWake, setAwaited and endTurn.
void InitWake(Napi::Env env, Napi::Object exports);

}  // namespace rowtap::node
