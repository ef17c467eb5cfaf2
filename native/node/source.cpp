#include "node/source.h"

#include <optional>
#include <string>

#include "node/hub.h"
#include "node/wake.h"

namespace rowtap::node {

namespace {

constexpr napi_type_tag kSourceTag = {0x726f777461700001, 0x4875620000000003};

using SourcePtr = std::shared_ptr<capture::OpenSource>;

void ThrowTypeError(Napi::Env env, const char* message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

Napi::Value Number(Napi::Env env, double value) {
  return Napi::Number::New(env, value);
}

// One thread's hold on a source. The databases of the thread that use it are counted here too, so that they count no more when the thread
// ends without having closed them.
class NativeSource final : public Napi::ObjectWrap<NativeSource> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "NativeSource",
        {InstanceAccessor<&NativeSource::Name>("name"), InstanceAccessor<&NativeSource::Path>("path"),
         InstanceAccessor<&NativeSource::Options>("options"), InstanceAccessor<&NativeSource::OpenedAtMs>("openedAtMs"),
         InstanceAccessor<&NativeSource::HubKey>("hubKey"), InstanceAccessor<&NativeSource::IsOpen>("isOpen"),
         InstanceAccessor<&NativeSource::Failure>("failure"), InstanceAccessor<&NativeSource::Gaps>("gaps"),
         InstanceMethod<&NativeSource::CountGap>("countGap"), InstanceMethod<&NativeSource::AddUser>("addUser"),
         InstanceMethod<&NativeSource::RemoveUser>("removeUser"), InstanceMethod<&NativeSource::End>("end"),
         InstanceMethod<&NativeSource::Attach>("attach"), InstanceMethod<&NativeSource::SubscriptionsElsewhere>("subscriptionsElsewhere")});
  }

  explicit NativeSource(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      ThrowTypeError(info.Env(), "A source comes from openSource, findSource or allSources");
      return;
    }
    source_ = *info[0].As<Napi::External<SourcePtr>>().Data();
    napi_type_tag_object(info.Env(), info.This(), &kSourceTag);
  }
  ~NativeSource() override {
    for (; users_ > 0; users_--) source_->RemoveUser();
  }

  const SourcePtr& source() const { return source_; }
  // The one that the source was opened with.
  void OwnFirstUser() { users_++; }

 private:
  Napi::Value Name(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), source_->definition().name); }
  Napi::Value Path(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), source_->definition().path); }
  Napi::Value Options(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), source_->definition().options); }
  Napi::Value OpenedAtMs(const Napi::CallbackInfo& info) {
    return Number(info.Env(), static_cast<double>(source_->definition().opened_at_ms));
  }
  Napi::Value HubKey(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), source_->hub()->key()); }
  Napi::Value IsOpen(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), source_->is_open()); }
  Napi::Value Failure(const Napi::CallbackInfo& info) {
    const std::optional<std::string> failure = source_->failure();
    return failure.has_value() ? Napi::String::New(info.Env(), *failure) : info.Env().Undefined();
  }
  Napi::Value Gaps(const Napi::CallbackInfo& info) { return Number(info.Env(), static_cast<double>(source_->gaps())); }

  void CountGap(const Napi::CallbackInfo&) { source_->CountGap(); }
  void AddUser(const Napi::CallbackInfo&) {
    users_++;
    source_->AddUser();
  }
  void RemoveUser(const Napi::CallbackInfo& info) {
    if (users_ == 0) return ThrowTypeError(info.Env(), "removeUser(): as often as addUser");
    users_--;
    source_->RemoveUser();
    FlushWake(info.Env());
  }
  void End(const Napi::CallbackInfo& info) {
    if (info.Length() > 0 && !info[0].IsString() && !info[0].IsUndefined()) return ThrowTypeError(info.Env(), "end(failure?)");
    const bool is_failure = info.Length() > 0 && info[0].IsString();
    source_->End(is_failure ? std::optional<std::string>(info[0].As<Napi::String>()) : std::nullopt);
    FlushWake(info.Env());
  }
  void Attach(const Napi::CallbackInfo& info) {
    if (info.Length() != 2 || !info[1].IsString()) return ThrowTypeError(info.Env(), "attach(reader, consumer)");
    const std::shared_ptr<capture::Reader> reader = UnwrapReader(info.Env(), info[0]);
    if (reader != nullptr) source_->Attach(reader, info[1].As<Napi::String>());
  }
  // For each of those that are read in other threads: consumer, LSN that was read, transactions and bytes that wait.
  Napi::Value SubscriptionsElsewhere(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::shared_ptr<WakeState> here = WakeState::Of(env);
    Napi::Array result = Napi::Array::New(env);
    for (const capture::OpenSource::Subscription& subscription : source_->subscriptions()) {
      if (&subscription.reader->waker() == here.get()) continue;
      const capture::Reader::Buffered buffered = subscription.reader->buffered();
      Napi::Array entry = Napi::Array::New(env, 4);
      entry.Set(0u, Napi::String::New(env, subscription.consumer));
      entry.Set(1u, Number(env, static_cast<double>(subscription.reader->lsn())));
      entry.Set(2u, Number(env, static_cast<double>(buffered.transactions)));
      entry.Set(3u, Number(env, static_cast<double>(buffered.bytes)));
      result.Set(result.Length(), entry);
    }
    return result;
  }

  SourcePtr source_;
  int users_ = 0;
};

Napi::Value NewSource(const Napi::CallbackInfo& info, SourcePtr source) {
  if (source == nullptr) return info.Env().Undefined();
  return static_cast<Napi::FunctionReference*>(info.Data())->New({Napi::External<SourcePtr>::New(info.Env(), &source)});
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() != 5 || !info[1].IsString() || !info[2].IsString() || !info[3].IsString() || !info[4].IsNumber()) {
    ThrowTypeError(env, "openSource(hub, name, path, options, openedAtMs)");
    return env.Undefined();
  }
  const std::shared_ptr<capture::Hub> hub = UnwrapHub(env, info[0]);
  if (hub == nullptr) return env.Undefined();
  SourcePtr source = capture::OpenSource::Open(
      {info[1].As<Napi::String>(), info[2].As<Napi::String>(), info[3].As<Napi::String>(), info[4].As<Napi::Number>().Int64Value()}, hub);
  if (source == nullptr) return env.Undefined();
  const Napi::Value opened = NewSource(info, source);
  // Without an object, or with one that can't be looked into, where the thread is being terminated.
  NativeSource* native = opened.IsEmpty() || !opened.IsObject() ? nullptr : NativeSource::Unwrap(opened.As<Napi::Object>());
  if (native == nullptr) {
    source->RemoveUser();
    return env.Undefined();
  }
  native->OwnFirstUser();
  return opened;
}

Napi::Value Find(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsString()) {
    ThrowTypeError(info.Env(), "findSource(name)");
    return info.Env().Undefined();
  }
  return NewSource(info, capture::OpenSource::Find(info[0].As<Napi::String>()));
}

Napi::Value All(const Napi::CallbackInfo& info) {
  Napi::Array all = Napi::Array::New(info.Env());
  for (const SourcePtr& source : capture::OpenSource::All()) all.Set(all.Length(), NewSource(info, source));
  return all;
}

}  // namespace

std::shared_ptr<capture::OpenSource> UnwrapSource(Napi::Env env, Napi::Value value) {
  bool is_source = false;
  if (!value.IsObject() || napi_check_object_type_tag(env, value, &kSourceTag, &is_source) != napi_ok || !is_source) {
    ThrowTypeError(env, "Expected a source");
    return nullptr;
  }
  const NativeSource* source = NativeSource::Unwrap(value.As<Napi::Object>());
  return source == nullptr ? nullptr : source->source();
}

void InitSource(Napi::Env env, Napi::Object exports) {
  // As old as the environment: the functions below are given its address.
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(NativeSource::Define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* held) { delete held; }, constructor);
  exports.Set("openSource", Napi::Function::New(env, Open, "openSource", constructor));
  exports.Set("findSource", Napi::Function::New(env, Find, "findSource", constructor));
  exports.Set("allSources", Napi::Function::New(env, All, "allSources", constructor));
}

}  // namespace rowtap::node
