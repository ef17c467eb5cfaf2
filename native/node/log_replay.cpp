#include "node/log_replay.h"

#include <algorithm>
#include <memory>

#include "capture/log_replay.h"
#include "capture/reader.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/hub.h"

namespace rowtap::node {

namespace {

void ThrowTypeError(Napi::Env env, const char* message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

// Owned by its JavaScript object, ends with its connection.
class NativeLogReplay final : public Napi::ObjectWrap<NativeLogReplay>, public ConnectionChild {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "NativeLogReplay",
        {InstanceMethod<&NativeLogReplay::Fill>("fill"), InstanceMethod<&NativeLogReplay::Close>("close"),
         InstanceAccessor<&NativeLogReplay::Position>("position"), InstanceAccessor<&NativeLogReplay::CorruptLsn>("corruptLsn"),
         InstanceAccessor<&NativeLogReplay::HasHistoryChanged>("hasHistoryChanged")});
  }

  explicit NativeLogReplay(const Napi::CallbackInfo& info) : ObjectWrap(info) { Open(info); }
  ~NativeLogReplay() { End(); }

  void OnConnectionClose() noexcept override {
    replay_.reset();
    connection_ = nullptr;
  }

 private:
  void Open(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() != 3 || !info[2].IsNumber()) return ThrowTypeError(env, "openLogReplay(connection, hub, position)");
    Connection* connection = Connection::Unwrap(env, info[0]);
    if (connection == nullptr) return;
    if (connection->borrowed_db() == nullptr) return ThrowTypeError(env, "The connection is closed");
    const std::shared_ptr<capture::Hub> hub = UnwrapHub(env, info[1]);
    if (hub == nullptr) return;
    replay_ = std::make_unique<capture::LogReplay>(connection->borrowed_db(), hub, info[2].As<Napi::Number>().Int64Value());
    connection->AddChild(this);
    connection_ = connection;
  }

  void End() noexcept {
    if (connection_ == nullptr) return;
    connection_->RemoveChild(this);
    OnConnectionClose();
  }

  Napi::Value Fill(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() != 3 || !info[1].IsNumber() || !info[2].IsNumber()) {
      ThrowTypeError(env, "fill(reader, upToLsn, maxBytes)");
      return env.Undefined();
    }
    if (replay_ == nullptr) {
      ThrowTypeError(env, "The replay is closed");
      return env.Undefined();
    }
    const std::shared_ptr<capture::Reader> reader = UnwrapReader(env, info[0]);
    if (reader == nullptr) return env.Undefined();
    const auto max_bytes = static_cast<uint64_t>(std::max<int64_t>(info[2].As<Napi::Number>().Int64Value(), 1));
    capture::LogReplay::Status status = capture::LogReplay::Status::kFailed;
    try {
      status = replay_->Fill(*reader, info[1].As<Napi::Number>().Int64Value(), max_bytes);
    } catch (const std::bad_alloc&) {
      Napi::RangeError::New(env, "Out of memory").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    if (status == capture::LogReplay::Status::kFailed) {
      ThrowSqliteError(connection_->environment(), replay_->failure_message().c_str(), replay_->failure_code());
      return env.Undefined();
    }
    return Napi::Number::New(env, static_cast<int>(status));
  }
  void Close(const Napi::CallbackInfo&) { End(); }
  Napi::Value Position(const Napi::CallbackInfo& info) {
    return replay_ == nullptr ? info.Env().Undefined() : Napi::Number::New(info.Env(), static_cast<double>(replay_->position()));
  }
  Napi::Value CorruptLsn(const Napi::CallbackInfo& info) {
    return replay_ == nullptr ? info.Env().Undefined() : Napi::Number::New(info.Env(), static_cast<double>(replay_->corrupt_lsn()));
  }
  Napi::Value HasHistoryChanged(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), replay_ != nullptr && replay_->has_history_changed());
  }

  Connection* connection_ = nullptr;
  std::unique_ptr<capture::LogReplay> replay_;
};

Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Value first = info.Length() > 0 ? info[0] : info.Env().Undefined();
  const Napi::Value second = info.Length() > 1 ? info[1] : info.Env().Undefined();
  const Napi::Value third = info.Length() > 2 ? info[2] : info.Env().Undefined();
  return static_cast<Napi::FunctionReference*>(info.Data())->New({first, second, third});
}

}  // namespace

void InitLogReplay(Napi::Env env, Napi::Object exports) {
  // As old as the environment: the function below is given its address.
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(NativeLogReplay::Define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* held) { delete held; }, constructor);
  exports.Set("openLogReplay", Napi::Function::New(env, Open, "openLogReplay", constructor));
}

}  // namespace rowtap::node
