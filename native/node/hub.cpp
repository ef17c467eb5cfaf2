#include "node/hub.h"

#include <chrono>
#include <unordered_map>
#include <unordered_set>

#include "capture/frame.h"
#include "capture/log_tail.h"
#include "capture/reader.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/source.h"
#include "node/wake.h"
#include "sqlite/internals.h"

namespace rowtap::node {

namespace {

// How long a look at the log waits for transactions that are open.
constexpr std::chrono::milliseconds kPatience(2);

constexpr napi_type_tag kHubTag = {0x726f777461700001, 0x4875620000000001};
constexpr napi_type_tag kReaderTag = {0x726f777461700001, 0x4875620000000002};

bool HasTag(Napi::Env env, Napi::Value value, const napi_type_tag& tag) {
  bool has_tag = false;
  return value.IsObject() && napi_check_object_type_tag(env, value, &tag, &has_tag) == napi_ok && has_tag;
}

void ThrowTypeError(Napi::Env env, const char* message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

// lib turns it into a RowtapError.
void ThrowCode(Napi::Env env, const char* code, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

Napi::Value Number(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}
Napi::Value Number(Napi::Env env, int64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

Napi::Value Numbers(Napi::Env env, std::initializer_list<uint64_t> values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  uint32_t at = 0;
  for (const uint64_t value : values) array.Set(at++, Number(env, value));
  return array;
}

// What a read answers JavaScript: a spill file that cannot be read has ended the reader by now, or ends the batch loudly.
Napi::Value ReadResult(Napi::Env env, int64_t result) {
  if (result == capture::kReadFailed) {
    ThrowCode(env, "ROWTAP_CAPTURE_LOST", "The temporary file that held these changes could not be read");
    return env.Undefined();
  }
  return Number(env, result);
}

class NativeBatch final : public Napi::ObjectWrap<NativeBatch> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "NativeBatch",
                       {InstanceMethod<&NativeBatch::Read>("read"), InstanceAccessor<&NativeBatch::Lsn>("lsn"),
                        InstanceAccessor<&NativeBatch::TimeMs>("timeMs"), InstanceAccessor<&NativeBatch::Changes>("changes"),
                        InstanceAccessor<&NativeBatch::ByteLength>("byteLength")});
  }

  explicit NativeBatch(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (info.Length() == 1 && info[0].IsExternal()) {
      batch_ = *info[0].As<Napi::External<capture::BatchPtr>>().Data();
    } else {
      ThrowTypeError(info.Env(), "A batch comes from a reader");
    }
  }

 private:
  Napi::Value Read(const Napi::CallbackInfo& info) {
    uint8_t* bytes = nullptr;
    size_t size = 0;
    if (info.Length() != 2 || !info[0].IsNumber()) {
      ThrowTypeError(info.Env(), "read(offset, target)");
      return info.Env().Undefined();
    }
    if (!UnwrapBytes(info.Env(), info[1], bytes, size)) return info.Env().Undefined();
    const int64_t offset = info[0].As<Napi::Number>().Int64Value();
    if (offset < 0) {
      ThrowTypeError(info.Env(), "read(offset, target): offset is the sum of earlier results");
      return info.Env().Undefined();
    }
    return ReadResult(info.Env(), capture::ReadFrames(*batch_, static_cast<uint64_t>(offset), bytes, size));
  }
  Napi::Value Lsn(const Napi::CallbackInfo& info) { return Number(info.Env(), batch_->lsn); }
  Napi::Value TimeMs(const Napi::CallbackInfo& info) { return Number(info.Env(), batch_->time_ms); }
  Napi::Value Changes(const Napi::CallbackInfo& info) { return Number(info.Env(), uint64_t{batch_->frames}); }
  Napi::Value ByteLength(const Napi::CallbackInfo& info) { return Number(info.Env(), batch_->size); }

  capture::BatchPtr batch_;
};

// What NativeHub::OpenReader hands to the constructor of NativeReader, and the classes themselves: one set for each environment.
struct ReaderParts {
  std::shared_ptr<capture::Hub> hub;
  std::shared_ptr<capture::Reader> reader;
  int64_t log_lsn = -1;  // of the log's newest entry when it began; -1: there is none, or it was not asked for
};

// Closes what is left at the end of its environment: a thread that is terminated may not have come to make the reader's JavaScript object,
// and where there is one its finalizer runs later. Used on its environment's thread.
class OpenReaders {
 public:
  void Add(const ReaderParts& parts) { readers_.emplace(parts.reader.get(), parts); }
  void Close(const ReaderParts& parts) noexcept {
    if (parts.hub == nullptr) return;
    parts.hub->Close(*parts.reader);
    readers_.erase(parts.reader.get());
  }
  void CloseAll() noexcept {
    for (const auto& [reader, parts] : readers_) parts.hub->Close(*reader);
    readers_.clear();
  }

 private:
  std::unordered_map<capture::Reader*, ReaderParts> readers_;
};

struct Classes {
  // Readers hold it as well: their finalizers come last.
  std::shared_ptr<OpenReaders> open_readers = std::make_shared<OpenReaders>();
  Napi::FunctionReference hub;
  Napi::FunctionReference reader;
  Napi::FunctionReference batch;
};

class NativeReader final : public Napi::ObjectWrap<NativeReader> {
 public:
  static Napi::Function Define(Napi::Env env, Classes* classes) {
    return DefineClass(
        env, "NativeReader",
        {InstanceMethod<&NativeReader::Read>("read"), InstanceMethod<&NativeReader::Batch>("batch", napi_default_method, classes),
         InstanceMethod<&NativeReader::SkipBatch>("skipBatch"), InstanceMethod<&NativeReader::State>("state"),
         InstanceMethod<&NativeReader::Buffered>("buffered"), InstanceMethod<&NativeReader::End>("end"),
         InstanceMethod<&NativeReader::Close>("close"), InstanceAccessor<&NativeReader::StartLsn>("startLsn"),
         InstanceAccessor<&NativeReader::LogLsn>("logLsn"), InstanceAccessor<&NativeReader::Lsn>("lsn")},
        classes);
  }

  explicit NativeReader(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (info.Length() == 1 && info[0].IsExternal()) {
      parts_ = std::move(*info[0].As<Napi::External<ReaderParts>>().Data());
      open_readers_ = static_cast<Classes*>(info.Data())->open_readers;
      napi_type_tag_object(info.Env(), info.This(), &kReaderTag);
    } else {
      ThrowTypeError(info.Env(), "A reader comes from a hub");
    }
  }
  ~NativeReader() override {
    if (open_readers_ != nullptr) open_readers_->Close(parts_);
  }

  const std::shared_ptr<capture::Reader>& reader() const { return parts_.reader; }

 private:
  Napi::Value Read(const Napi::CallbackInfo& info) {
    uint8_t* bytes = nullptr;
    size_t size = 0;
    if (!UnwrapBytes(info.Env(), info[0], bytes, size)) return info.Env().Undefined();
    return Number(info.Env(), parts_.reader->Read(bytes, size));
  }
  Napi::Value Batch(const Napi::CallbackInfo& info) {
    capture::BatchPtr batch = parts_.reader->batch();
    if (batch == nullptr) return info.Env().Undefined();
    return static_cast<Classes*>(info.Data())->batch.New({Napi::External<capture::BatchPtr>::New(info.Env(), &batch)});
  }
  void SkipBatch(const Napi::CallbackInfo&) { parts_.reader->SkipBatch(); }
  Napi::Value State(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<int>(parts_.reader->state())); }
  Napi::Value Buffered(const Napi::CallbackInfo& info) {
    const auto buffered = parts_.reader->buffered();
    return Numbers(info.Env(), {buffered.transactions, buffered.bytes});
  }
  void End(const Napi::CallbackInfo& info) {
    parts_.reader->End();
    FlushWake(info.Env());
  }
  void Close(const Napi::CallbackInfo&) { open_readers_->Close(parts_); }
  Napi::Value StartLsn(const Napi::CallbackInfo& info) { return Number(info.Env(), parts_.reader->start_lsn()); }

  Napi::Value LogLsn(const Napi::CallbackInfo& info) { return Number(info.Env(), parts_.log_lsn); }
  Napi::Value Lsn(const Napi::CallbackInfo& info) { return Number(info.Env(), parts_.reader->lsn()); }

  ReaderParts parts_;
  std::shared_ptr<OpenReaders> open_readers_;
};

class NativeHub final : public Napi::ObjectWrap<NativeHub> {
 public:
  static Napi::Function Define(Napi::Env env, Classes* classes) {
    return DefineClass(
        env, "NativeHub",
        {InstanceMethod<&NativeHub::Lsn>("lsn"), InstanceMethod<&NativeHub::LogLsn>("logLsn"),
         InstanceMethod<&NativeHub::RaiseLsn>("raiseLsn"), InstanceMethod<&NativeHub::Describe>("describe"),
         InstanceMethod<&NativeHub::SetMaxMemory>("setMaxMemory"),
         InstanceMethod<&NativeHub::IsThreadInTransaction>("isThreadInTransaction"), InstanceMethod<&NativeHub::Stats>("stats"),
         InstanceMethod<&NativeHub::Life>("life"), InstanceMethod<&NativeHub::TakeConsumer>("takeConsumer"),
         InstanceMethod<&NativeHub::FreeConsumer>("freeConsumer"), InstanceMethod<&NativeHub::IsSpillRefused>("isSpillRefused"),
         InstanceMethod<&NativeHub::IsOnFile>("isOnFile"), InstanceMethod<&NativeHub::Witness>("witness"),
         InstanceMethod<&NativeHub::CheckForeignCommits>("checkForeignCommits"),
         InstanceMethod<&NativeHub::AnnounceForeignCommits>("announceForeignCommits"), InstanceMethod<&NativeHub::HeldLogLsn>("heldLogLsn"),
         InstanceMethod<&NativeHub::OpenFedReader>("openFedReader", napi_default_method, classes),
         InstanceMethod<&NativeHub::OpenReader>("openReader", napi_default_method, classes)});
  }

  explicit NativeHub(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (info.Length() == 1 && info[0].IsExternal()) {
      hub_ = *info[0].As<Napi::External<std::shared_ptr<capture::Hub>>>().Data();
      napi_type_tag_object(info.Env(), info.This(), &kHubTag);
      return;
    }
    Connection* connection = info.Length() == 1 ? Connection::Unwrap(info.Env(), info[0]) : nullptr;
    if (connection == nullptr) {
      if (!info.Env().IsExceptionPending()) ThrowTypeError(info.Env(), "A hub comes from hubOf(connection)");
      return;
    }
    if (connection->borrowed_capture() == nullptr) {
      ThrowTypeError(info.Env(), "The connection is closed, or was opened without capture");
      return;
    }
    hub_ = connection->borrowed_capture()->SharedHub();
    // An in-memory database has this one connection; a snapshot reads it through it.
    connection_ = Napi::Persistent(info[0].As<Napi::Object>());
    napi_type_tag_object(info.Env(), info.This(), &kHubTag);
  }

  ~NativeHub() override {
    for (const std::string& consumer : consumers_) hub_->FreeConsumer(consumer);
  }

  const std::shared_ptr<capture::Hub>& hub() const { return hub_; }

 private:
  Napi::Value Lsn(const Napi::CallbackInfo& info) { return Number(info.Env(), hub_->lsn()); }

  Napi::Value LogLsn(const Napi::CallbackInfo& info) { return Number(info.Env(), hub_->log_lsn()); }

  void RaiseLsn(const Napi::CallbackInfo& info) {
    if (!info[0].IsNumber()) return ThrowTypeError(info.Env(), "raiseLsn(lsn)");
    hub_->RaiseLsn(info[0].As<Napi::Number>().Int64Value());
  }

  Napi::Value Describe(const Napi::CallbackInfo& info) {
    if (!info[0].IsNumber()) {
      ThrowTypeError(info.Env(), "describe(tableId)");
      return info.Env().Undefined();
    }
    return Napi::String::New(info.Env(), hub_->Describe(info[0].As<Napi::Number>().Uint32Value()));
  }

  void SetMaxMemory(const Napi::CallbackInfo& info) {
    if (!info[0].IsNumber()) return ThrowTypeError(info.Env(), "setMaxMemory(bytes)");
    hub_->store()->SetMaxMemory(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  }

  Napi::Value IsThreadInTransaction(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), capture::TransactionGate::IsThreadInside());
  }

  Napi::Value IsSpillRefused(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), hub_->store()->is_spill_refused()); }

  // Throws a TypeError and returns null for what is no connection, or closed.
  Connection* OpenConnection(const Napi::CallbackInfo& info, const char* usage) {
    Connection* connection = info.Length() == 1 ? Connection::Unwrap(info.Env(), info[0]) : nullptr;
    if (connection != nullptr && connection->borrowed_db() != nullptr) return connection;
    if (!info.Env().IsExceptionPending()) ThrowTypeError(info.Env(), usage);
    return nullptr;
  }

  Napi::Value IsOnFile(const Napi::CallbackInfo& info) {
    const Connection* connection = OpenConnection(info, "isOnFile(connection): an open connection");
    if (connection == nullptr) return info.Env().Undefined();
    return Napi::Boolean::New(info.Env(), hub_->IsOnFile(connection->borrowed_db()));
  }

  Napi::Value Stats(const Napi::CallbackInfo& info) {
    const capture::HubStats stats = hub_->stats();
    return Numbers(info.Env(), {stats.transactions, stats.changes, stats.bytes, stats.spilled_bytes, stats.gaps});
  }

  Napi::Value Life(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), hub_->life()); }

  Napi::Value TakeConsumer(const Napi::CallbackInfo& info) {
    if (!info[0].IsString()) {
      ThrowTypeError(info.Env(), "takeConsumer(name)");
      return info.Env().Undefined();
    }
    std::string name = info[0].As<Napi::String>();
    const bool is_taken = hub_->TakeConsumer(name);
    if (is_taken) consumers_.insert(std::move(name));
    return Napi::Boolean::New(info.Env(), is_taken);
  }

  // Only those that this object has taken.
  void FreeConsumer(const Napi::CallbackInfo& info) {
    if (!info[0].IsString()) return ThrowTypeError(info.Env(), "freeConsumer(name)");
    const std::string name = info[0].As<Napi::String>();
    if (consumers_.erase(name) > 0) hub_->FreeConsumer(name);
  }

  Napi::Value Witness(const Napi::CallbackInfo& info) {
    constexpr const char* kUsage = "witness(connection): an open connection without capture";
    Connection* connection = OpenConnection(info, kUsage);
    if (connection == nullptr) return info.Env().Undefined();
    sqlite3* db = connection->borrowed_db();
    if (connection->borrowed_capture() != nullptr) {
      ThrowTypeError(info.Env(), kUsage);
      return info.Env().Undefined();
    }
    // The writers of this hub may be closed, and others opened since: what is committed now is for theirs to count.
    std::shared_ptr<capture::Hub> hub = capture::Hub::OfWriters(db);
    std::unique_ptr<capture::Capture> witness = capture::Capture::InstallWitness(db, hub == nullptr ? hub_ : std::move(hub));
    const bool is_installed = witness != nullptr;
    connection->SetCapture(std::move(witness));
    return Napi::Boolean::New(info.Env(), is_installed);
  }

  Napi::Value CheckForeignCommits(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Connection* connection = OpenConnection(info, "checkForeignCommits(connection): an open connection");
    if (connection == nullptr) return env.Undefined();
    sqlite3* db = connection->borrowed_db();
    int code = SQLITE_OK;
    const auto look = hub_->CheckForeignCommits([&](capture::FileState& state) { code = ReadState(db, state); });
    FlushWake(env);
    if (code != SQLITE_OK) ThrowSqliteError(connection->environment(), MessageOf(db, code), code);
    return Napi::Number::New(env, static_cast<int>(look));
  }

  void AnnounceForeignCommits(const Napi::CallbackInfo& info) {
    hub_->AnnounceForeignCommits();
    FlushWake(info.Env());
  }

  Napi::Value HeldLogLsn(const Napi::CallbackInfo& info) { return Number(info.Env(), hub_->held_log_lsn()); }

  // The connection knows the last failure's alone, which may have been followed by the end of its transaction.
  static const char* MessageOf(sqlite3* db, int code) {
    return sqlite3_errcode(db) == SQLITE_OK ? sqlite3_errstr(code) : sqlite3_errmsg(db);
  }

  // In a transaction that ends with it.
  static int ReadState(sqlite3* db, capture::FileState& state) {
    // BEGIN alone takes no read lock; the first read does, and fixes what the transaction sees.
    int code = sqlite3_exec(db, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) code = capture::ReadFileState(db, state);
    if (sqlite3_get_autocommit(db) == 0) sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
    return code;
  }

  Napi::Value OpenReader(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() != 3 || !info[0].IsNumber() || !IsConnectionOrNull(info[1]) || !IsConnectionOrNull(info[2])) {
      ThrowTypeError(env, "openReader(maxBufferedBytes, snapshot, log)");
      return env.Undefined();
    }
    Connection* snapshot = nullptr;
    Connection* log = nullptr;
    if (!UnwrapOpen(env, info[1], snapshot) || !UnwrapOpen(env, info[2], log)) return env.Undefined();
    using Kind = capture::Reader::Kind;
    const Kind kind = log != nullptr ? Kind::kWithLog : snapshot != nullptr ? Kind::kWithSnapshot : Kind::kLive;
    ReaderParts parts;
    parts.hub = hub_;
    parts.reader =
        std::make_shared<capture::Reader>(WakeState::Of(env), static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()), kind);
    int code = SQLITE_OK;
    bool is_busy = false;
    Connection* reading = snapshot != nullptr ? snapshot : log;
    const auto begin = [&]() {
      if (snapshot != nullptr) code = BeginSnapshot(snapshot->borrowed_db(), is_busy);
      if (code != SQLITE_OK || is_busy) return false;
      if (log == nullptr) return true;
      // The snapshot's own transaction tells how much of the log it holds already.
      // With a rollback journal a read could keep a commit of another thread waiting: better where none is under way.
      capture::TransactionGate* gate =
          rowtap_commit_counter(log->borrowed_db()) >> 32 != 2 && hub_->gate().TryHold(kPatience) ? &hub_->gate() : nullptr;
      const std::unique_ptr<capture::TransactionGate, void (*)(capture::TransactionGate*)> hold(
          gate, [](capture::TransactionGate* held) { held->Release(); });
      capture::FileState state;
      code = snapshot != nullptr ? capture::ReadFileState(snapshot->borrowed_db(), state) : ReadState(log->borrowed_db(), state);
      if (code != SQLITE_OK) return false;
      if (!state.has_log) return true;
      parts.log_lsn = state.tail.lsn();
      parts.reader->BeginInLog(state.tail.lsn());
      hub_->MeetTail(state.tail, state.counter);
      return true;
    };
    const auto result = reading == nullptr ? hub_->Open(parts.reader, nullptr) : hub_->Open(parts.reader, begin);
    if (is_busy || result == capture::Hub::OpenResult::kBusy) {
      ThrowCode(env, "ROWTAP_BUSY",
                is_busy ? "A transaction is open on the in-memory database; take its snapshot outside of a transaction"
                        : "A large transaction, or a schema change, that began before anybody had subscribed is under way; subscribe "
                          "before it begins or after it has ended");
      return env.Undefined();
    }
    if (result == capture::Hub::OpenResult::kFailed) {
      ThrowSqliteError(reading->environment(), MessageOf(reading->borrowed_db(), code), code);
      return env.Undefined();
    }
    return NewReader(info, parts);
  }

  // One that no commit is pushed to; a replay feeds it.
  Napi::Value OpenFedReader(const Napi::CallbackInfo& info) {
    ReaderParts parts;
    parts.hub = hub_;
    parts.reader = std::make_shared<capture::Reader>(WakeState::Of(info.Env()), UINT64_MAX, capture::Reader::Kind::kWithLog);
    return NewReader(info, parts);
  }

  static Napi::Value NewReader(const Napi::CallbackInfo& info, ReaderParts& parts) {
    auto* classes = static_cast<Classes*>(info.Data());
    classes->open_readers->Add(parts);
    return classes->reader.New({Napi::External<ReaderParts>::New(info.Env(), &parts)});
  }

  static bool IsConnectionOrNull(const Napi::Value& value) { return value.IsNull() || value.IsObject(); }
  // False, with an exception, for what is no connection, or closed.
  static bool UnwrapOpen(Napi::Env env, const Napi::Value& value, Connection*& connection) {
    if (value.IsNull()) return true;
    connection = Connection::Unwrap(env, value);
    if (connection == nullptr) return false;
    if (connection->borrowed_db() == nullptr) ThrowTypeError(env, "The connection is closed");
    return connection->borrowed_db() != nullptr;
  }

  // No commit can be published meanwhile.
  int BeginSnapshot(sqlite3* snapshot, bool& is_busy) {
    const char* path = sqlite3_db_filename(snapshot, "main");
    if (path != nullptr && *path != 0) {
      if (const int code = sqlite3_exec(snapshot, "BEGIN", nullptr, nullptr, nullptr); code != SQLITE_OK) return code;
      // BEGIN alone takes no read lock; the first read does, and fixes what the transaction sees.
      return sqlite3_exec(snapshot, "SELECT 1 FROM sqlite_schema LIMIT 1", nullptr, nullptr, nullptr);
    }
    Connection* connection = connection_.IsEmpty() ? nullptr : Connection::Unwrap(Env(), connection_.Value());
    sqlite3* original = connection == nullptr ? nullptr : connection->borrowed_db();
    if (original == nullptr) return SQLITE_MISUSE;
    // A copy made now would hold what has not been committed.
    is_busy = rowtap_transaction_state(original) == SQLITE_TXN_WRITE;
    if (is_busy) return SQLITE_OK;
    sqlite3_backup* copy = sqlite3_backup_init(snapshot, "main", original, "main");
    if (copy == nullptr) return sqlite3_extended_errcode(snapshot);
    sqlite3_backup_step(copy, -1);
    return sqlite3_backup_finish(copy);
  }

  std::shared_ptr<capture::Hub> hub_;
  std::unordered_set<std::string> consumers_;  // taken through it, and freed with it at the latest
  Napi::ObjectReference connection_;           // empty: of another thread
};

Napi::Value HubOf(const Napi::CallbackInfo& info) {
  const auto* classes = static_cast<Classes*>(info.Data());
  const Napi::Value connection = info.Length() > 0 ? info[0] : info.Env().Undefined();
  Napi::Object hub = classes->hub.New({connection});
  if (hub.IsEmpty() || info.Env().IsExceptionPending()) return info.Env().Undefined();
  // While the thread is being terminated, objects can't be looked into any more, and no exception tells.
  const NativeHub* native = NativeHub::Unwrap(hub);
  const Connection* open = Connection::Unwrap(info.Env(), connection);
  if (native == nullptr || native->hub() == nullptr || open == nullptr) return info.Env().Undefined();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("hub", hub);
  result.Set("key", Napi::String::New(info.Env(), native->hub()->key()));
  const char* path = sqlite3_db_filename(open->borrowed_db(), "main");
  result.Set("path", Napi::String::New(info.Env(), path == nullptr ? "" : path));
  return result;
}

Napi::Value HubOfSource(const Napi::CallbackInfo& info) {
  const std::shared_ptr<capture::OpenSource> source = UnwrapSource(info.Env(), info[0]);
  if (source == nullptr) return info.Env().Undefined();
  std::shared_ptr<capture::Hub> hub = source->hub();
  return static_cast<Classes*>(info.Data())->hub.New({Napi::External<std::shared_ptr<capture::Hub>>::New(info.Env(), &hub)});
}

}  // namespace

std::shared_ptr<capture::Hub> UnwrapHub(Napi::Env env, Napi::Value value) {
  if (!HasTag(env, value, kHubTag)) {
    ThrowTypeError(env, "Expected a hub");
    return nullptr;
  }
  const NativeHub* hub = NativeHub::Unwrap(value.As<Napi::Object>());
  return hub == nullptr ? nullptr : hub->hub();
}

std::shared_ptr<capture::Reader> UnwrapReader(Napi::Env env, Napi::Value value) {
  if (!HasTag(env, value, kReaderTag)) {
    ThrowTypeError(env, "Expected a reader");
    return nullptr;
  }
  const NativeReader* reader = NativeReader::Unwrap(value.As<Napi::Object>());
  return reader == nullptr ? nullptr : reader->reader();
}

bool UnwrapBytes(Napi::Env env, Napi::Value value, uint8_t*& bytes, size_t& size) {
  napi_typedarray_type type;
  void* data = nullptr;
  size_t length = 0;
  if (!value.IsTypedArray() || napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowTypeError(env, "Expected a Uint8Array to read into");
    return false;
  }
  bytes = static_cast<uint8_t*>(data);
  size = length;
  return true;
}

void InitHub(Napi::Env env, Napi::Object exports) {
  // As old as the environment: the functions below are given its address.
  auto* classes = new Classes();
  env.AddCleanupHook(
      [](Classes* held) {
        held->open_readers->CloseAll();
        delete held;
      },
      classes);
  classes->batch = Napi::Persistent(NativeBatch::Define(env));
  classes->reader = Napi::Persistent(NativeReader::Define(env, classes));
  classes->hub = Napi::Persistent(NativeHub::Define(env, classes));
  exports.Set("hubOf", Napi::Function::New(env, HubOf, "hubOf", classes));
  exports.Set("hubOfSource", Napi::Function::New(env, HubOfSource, "hubOfSource", classes));

  using capture::FrameHeader;
  using capture::FrameOp;
  Napi::Object layout = Napi::Object::New(env);
  const auto set = [&](const char* name, size_t value) { layout.Set(name, Napi::Number::New(env, static_cast<double>(value))); };
  set("headerSize", capture::kHeaderSize);
  set("frameSize", offsetof(FrameHeader, frame_size));
  set("op", offsetof(FrameHeader, op));
  set("flags", offsetof(FrameHeader, flags));
  set("tableId", offsetof(FrameHeader, table_id));
  set("reason", offsetof(FrameHeader, reason));
  set("beforeSize", offsetof(FrameHeader, before_size));
  set("rowidBefore", offsetof(FrameHeader, rowid_before));
  set("rowidAfter", offsetof(FrameHeader, rowid_after));
  set("afterSize", offsetof(FrameHeader, after_size));
  set("opInsert", static_cast<size_t>(FrameOp::kInsert));
  set("opUpdate", static_cast<size_t>(FrameOp::kUpdate));
  set("opDelete", static_cast<size_t>(FrameOp::kDelete));
  set("opRow", static_cast<size_t>(FrameOp::kRow));
  set("opSchema", static_cast<size_t>(FrameOp::kSchema));
  set("opBatch", static_cast<size_t>(FrameOp::kBatch));
  set("opGap", static_cast<size_t>(FrameOp::kGap));
  set("flagIndirect", capture::kIndirect);
  set("flagAscii", capture::kAscii);
  exports.Set("frameLayout", layout);
}

}  // namespace rowtap::node
