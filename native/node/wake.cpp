#include "node/wake.h"

namespace rowtap::node {

namespace {

using Holder = std::shared_ptr<WakeState>;

WakeState* Find(napi_env env) {
  void* data = nullptr;
  if (napi_get_instance_data(env, &data) != napi_ok || data == nullptr) return nullptr;
  return static_cast<Holder*>(data)->get();
}

// Called on the environment's thread after another one has notified it. No environment: it is being torn down.
void OnThreadCall(napi_env env, napi_value, void*, void*) {
  WakeState* state = env == nullptr ? nullptr : Find(env);
  if (state != nullptr) state->OnCall(env);
}

bool ReadBoolean(const Napi::CallbackInfo& info, const char* expected, bool* value) {
  if (info.Length() == 1 && info[0].IsBoolean()) {
    *value = info[0].As<Napi::Boolean>();
    return true;
  }
  Napi::TypeError::New(info.Env(), expected).ThrowAsJavaScriptException();
  return false;
}

}  // namespace

std::shared_ptr<WakeState> WakeState::Of(Napi::Env env) {
  void* data = nullptr;
  if (napi_get_instance_data(env, &data) == napi_ok && data != nullptr) return *static_cast<Holder*>(data);
  auto* holder = new Holder(std::make_shared<WakeState>());
  const napi_finalize release = [](napi_env, void* held, void*) { delete static_cast<Holder*>(held); };
  if (napi_set_instance_data(env, holder, release, nullptr) != napi_ok) {
    const Holder state = *holder;
    delete holder;
    return state;
  }
  // Owns a share of its own: the instance data may be released before or after.
  auto* for_hook = new Holder(*holder);
  if (napi_add_env_cleanup_hook(env, CleanUp, for_hook) != napi_ok) delete for_hook;
  return *holder;
}

void WakeState::CleanUp(void* holder) {
  const std::unique_ptr<Holder> owned(static_cast<Holder*>(holder));
  WakeState& state = **owned;
  state.wake_.Reset();
  const std::lock_guard lock(state.mutex_);
  if (state.calls_ != nullptr) napi_release_threadsafe_function(state.calls_, napi_tsfn_abort);
  state.calls_ = nullptr;
}

void WakeState::Notify(capture::News news) noexcept {
  if (news == capture::News::kForATurn) wants_turn_.store(true);
  has_news_.store(true);
  // This thread's own calls flush at their end, and the end of a turn does.
  if (std::this_thread::get_id() == thread_ || !IsDue()) return;
  Turn none = Turn::kNone;
  if (!next_turn_.compare_exchange_strong(none, Turn::kCalled)) return;
  const std::lock_guard lock(mutex_);
  if (calls_ != nullptr && napi_call_threadsafe_function(calls_, nullptr, napi_tsfn_nonblocking) == napi_ok) return;
  Turn called = Turn::kCalled;
  next_turn_.compare_exchange_strong(called, Turn::kNone);
}

void WakeState::SetWake(Napi::Function wake) {
  wake_ = Napi::Persistent(wake);
  if (calls_ != nullptr) return;
  const Napi::Env env = wake.Env();
  napi_threadsafe_function calls = nullptr;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "rowtap"), 0, 1, nullptr, nullptr, nullptr,
                                      OnThreadCall, &calls) != napi_ok) {
    Napi::Error::New(env, "rowtap cannot be woken by other threads in this environment").ThrowAsJavaScriptException();
    return;
  }
  napi_unref_threadsafe_function(env, calls);
  const std::lock_guard lock(mutex_);
  calls_ = calls;
}

void WakeState::SetAwaited(Napi::Env env, bool is_awaited) {
  is_awaited_.store(is_awaited);
  Flush(env);
}

void WakeState::EndTurn(Napi::Env env, bool is_awaited) {
  is_awaited_.store(is_awaited);
  next_turn_.store(Turn::kNone);
  turn_.fetch_add(1, std::memory_order_relaxed);
  Flush(env);
}

void WakeState::OnCall(Napi::Env env) {
  Turn called = Turn::kCalled;
  next_turn_.compare_exchange_strong(called, Turn::kNone);
  Flush(env);
}

void WakeState::FlushNews(Napi::Env env) {
  if (!IsDue() || next_turn_.load() == Turn::kScheduled || wake_.IsEmpty()) return;
  next_turn_.store(Turn::kScheduled);
  has_news_.store(false);
  wants_turn_.store(false);
  // A statement can fail and still have committed what came before; JavaScript cannot be called while its error is pending.
  napi_value pending = nullptr;
  bool is_pending = false;
  if (napi_is_exception_pending(env, &is_pending) == napi_ok && is_pending) napi_get_and_clear_last_exception(env, &pending);
  wake_.Call({});
  if (pending != nullptr) napi_throw(env, pending);
}

void FlushWake(Napi::Env env) {
  if (WakeState* state = Find(env); state != nullptr) state->Flush(env);
}

void InitWake(Napi::Env env, Napi::Object exports) {
  WakeState::Of(env);
  exports.Set("setWake", Napi::Function::New(
                             env,
                             [](const Napi::CallbackInfo& info) {
                               if (info.Length() != 1 || !info[0].IsFunction()) {
                                 Napi::TypeError::New(info.Env(), "setWake(wake): wake is a function").ThrowAsJavaScriptException();
                                 return;
                               }
                               WakeState::Of(info.Env())->SetWake(info[0].As<Napi::Function>());
                             },
                             "setWake"));
  exports.Set("setAwaited", Napi::Function::New(
                                env,
                                [](const Napi::CallbackInfo& info) {
                                  bool is_awaited = false;
                                  if (!ReadBoolean(info, "setAwaited(isAwaited)", &is_awaited)) return;
                                  WakeState::Of(info.Env())->SetAwaited(info.Env(), is_awaited);
                                },
                                "setAwaited"));
  exports.Set("endTurn", Napi::Function::New(
                             env,
                             [](const Napi::CallbackInfo& info) {
                               bool is_awaited = false;
                               if (!ReadBoolean(info, "endTurn(isAwaited)", &is_awaited)) return;
                               WakeState::Of(info.Env())->EndTurn(info.Env(), is_awaited);
                             },
                             "endTurn"));
}

}  // namespace rowtap::node
