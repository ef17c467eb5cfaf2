#include "node/snapshot_rows.h"

#include <cstring>
#include <new>

#include "capture/batch.h"
#include "capture/frame.h"
#include "capture/record.h"
#include "capture/table_scan.h"
#include "node/connection.h"
#include "node/errors.h"
#include "node/hub.h"

namespace rowtap::node {

namespace {

void ThrowTypeError(Napi::Env env, const char* message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

// Owned by its JavaScript object, ends with its connection. One row that did not fit waits in the scan for the next read.
class NativeSnapshotRows final : public Napi::ObjectWrap<NativeSnapshotRows>, public ConnectionChild {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "NativeSnapshotRows",
                       {InstanceMethod<&NativeSnapshotRows::Read>("read"), InstanceMethod<&NativeSnapshotRows::Close>("close"),
                        InstanceAccessor<&NativeSnapshotRows::TableId>("tableId")});
  }

  explicit NativeSnapshotRows(const Napi::CallbackInfo& info) : ObjectWrap(info) { Open(info); }
  ~NativeSnapshotRows() { End(); }

  void OnConnectionClose() noexcept override {
    scan_.Close();
    connection_ = nullptr;
  }

 private:
  void Open(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() != 3 || !info[2].IsString()) return ThrowTypeError(env, "openSnapshotRows(connection, hub, table)");
    Connection* connection = Connection::Unwrap(env, info[0]);
    if (connection == nullptr) return;
    const std::shared_ptr<capture::Hub> hub = UnwrapHub(env, info[1]);
    if (hub == nullptr) return;
    if (connection->borrowed_db() == nullptr) return ThrowTypeError(env, "The connection is closed");
    const std::string table = info[2].As<Napi::String>();
    try {
      const int code = scan_.Open(connection->borrowed_db(), *hub, table);
      if (code == SQLITE_NOTFOUND) return ThrowTypeError(env, "There is no such table to read, or it is not a user's table");
      if (code != SQLITE_OK) return ThrowSqliteError(connection->environment(), sqlite3_errmsg(connection->borrowed_db()), code);
    } catch (const std::bad_alloc&) {
      return ThrowSqliteError(connection->environment(), "out of memory", SQLITE_NOMEM);
    }
    connection_ = connection;
    connection->AddChild(this);
  }

  void End() noexcept {
    if (connection_ == nullptr) return;
    connection_->RemoveChild(this);
    OnConnectionClose();
  }

  void Close(const Napi::CallbackInfo&) { End(); }
  Napi::Value TableId(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), scan_.table_id()); }

  Napi::Value Read(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    uint8_t* to = nullptr;
    size_t size = 0;
    if (!UnwrapBytes(env, info[0], to, size)) return env.Undefined();
    if (connection_ == nullptr) return Napi::Number::New(env, 0);
    size_t written = 0;
    try {
      for (;;) {
        if (!has_row_) {
          // A step after the last one would begin the scan again.
          if (is_done_) break;
          const int code = scan_.Next();
          if (code == SQLITE_DONE) {
            is_done_ = true;
            break;
          }
          if (code != SQLITE_ROW) {
            ThrowSqliteError(connection_->environment(), sqlite3_errmsg(connection_->borrowed_db()), code);
            return env.Undefined();
          }
          has_row_ = true;
        }
        const uint64_t frame_size = capture::FrameSize(0, scan_.record().size());
        if (frame_size > size - written) {
          if (written == 0) return Napi::Number::New(env, -static_cast<double>(frame_size));
          break;
        }
        WriteRow(to + written, frame_size);
        written += frame_size;
        has_row_ = false;
      }
    } catch (const std::bad_alloc&) {
      ThrowSqliteError(connection_->environment(), "out of memory", SQLITE_NOMEM);
      return env.Undefined();
    }
    if (is_done_ && written == 0) End();
    return Napi::Number::New(env, static_cast<double>(written));
  }

  void WriteRow(uint8_t* to, uint64_t frame_size) noexcept {
    const auto record = scan_.record();
    capture::FrameHeader header{};
    header.frame_size = static_cast<uint32_t>(frame_size);
    header.op = static_cast<uint8_t>(capture::FrameOp::kRow);
    header.flags = capture::IsTextAscii(record) ? capture::kAscii : 0;
    header.table_id = scan_.table_id();
    header.rowid_after = scan_.rowid();
    header.after_size = static_cast<uint32_t>(record.size());
    std::memset(to + frame_size - 8, 0, 8);
    std::memcpy(to, &header, capture::kHeaderSize);
    std::memcpy(to + capture::kHeaderSize, record.data(), record.size());
  }

  capture::TableScan scan_;
  Connection* connection_ = nullptr;
  bool has_row_ = false;
  bool is_done_ = false;
};

}  // namespace

void InitSnapshotRows(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(NativeSnapshotRows::Define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* held) { delete held; }, constructor);
  exports.Set("openSnapshotRows", Napi::Function::New(
                                      env,
                                      [](const Napi::CallbackInfo& info) -> Napi::Value {
                                        std::vector<napi_value> arguments;
                                        for (size_t i = 0; i < info.Length(); i++) arguments.push_back(info[i]);
                                        return static_cast<Napi::FunctionReference*>(info.Data())->New(arguments);
                                      },
                                      "openSnapshotRows", constructor));
}

}  // namespace rowtap::node
