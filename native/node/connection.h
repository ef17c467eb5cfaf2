// One connection to a database, as JavaScript holds it.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "capture/capture.h"
#include "node/environment.h"
#include "node/kept_statements.h"
#include "sqlite/handles.h"
#include "sqlite3.h"

namespace rowtap::node {

class Arguments;

// Something that runs SQL on a connection and ends with it: a prepared statement, a scan.
class ConnectionChild {
 public:
  // Finalize what belongs to the connection, and forget the connection. Called once, unless the child has been removed before.
  virtual void OnConnectionClose() noexcept = 0;

 protected:
  ~ConnectionChild() = default;

 private:
  friend class Connection;
  size_t place_ = 0;  // among the connection's children
};

// Owned by its JavaScript object. Closed by `close`, or by the environment's cleanup hook, or by the object's finalizer, whichever comes
// first; then children close first, an open transaction is rolled back under the eyes of the capture, and the object stays as an empty
// shell. Everything happens on the thread of its environment.
class Connection {
 public:
  static bool Init(napi_env env, napi_value exports, WriterEnvironment& environment);
  // Throws a TypeError and returns null for anything that is not a Connection, of whatever make.
  static Connection* Unwrap(Napi::Env env, Napi::Value value);

  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Null when closed.
  sqlite3* borrowed_db() const { return db_.get(); }
  // Null when closed, or opened without capture.
  capture::Capture* borrowed_capture() const { return capture_.get(); }
  // For an open connection that has none, and no statement that is being run.
  void SetCapture(std::unique_ptr<capture::Capture> capture) { capture_ = std::move(capture); }

  void AddChild(ConnectionChild* child);
  void RemoveChild(ConnectionChild* child) noexcept;

  void Close() noexcept;
  // As Close, but leaves a connection alone that is being used further up the stack: JavaScript called from there has called
  // process.exit(), and no statement may be taken from under a step. The process ends, and what it holds with it.
  void CloseAtExit() noexcept;

  // Stands around everything that may call JavaScript from inside of SQLite or between the statements of `exec`.
  class Busy {
   public:
    explicit Busy(Connection& connection) : connection_(connection) { connection_.running_++; }
    ~Busy() { connection_.running_--; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    Connection& connection_;
  };

  // A function or a table in JavaScript is about to be defined: from now on statements may call it.
  void ExpectJavaScript() noexcept { may_call_javascript_ = true; }
  bool may_call_javascript() const { return may_call_javascript_; }

  // Further up the stack.
  bool is_running() const { return running_ > 0; }
  // Throws a TypeError and returns false unless open.
  bool RequireOpen() const;

  KeptStatements& kept_statements() { return kept_statements_; }

  WriterEnvironment& environment() const { return *environment_; }

 private:
  struct Options {
    bool is_readonly = false;
    bool must_exist = false;
    bool is_captured = false;
    int timeout_ms = 0;
    int max_length = 0;  // 0: SQLite's own limit
    bool has_content = false;
    const void* borrowed_content = nullptr;  // the bytes of a JavaScript buffer
    size_t content_size = 0;
  };

  explicit Connection(std::shared_ptr<WriterEnvironment> environment) : environment_(std::move(environment)) {}

  static napi_value Construct(napi_env env, napi_callback_info info);
  static void Finalize(napi_env env, void* connection, void* hint);
  static napi_value Prepare(napi_env env, napi_callback_info info);
  static napi_value Exec(napi_env env, napi_callback_info info);
  static napi_value CloseMethod(napi_env env, napi_callback_info info);
  static napi_value LoadExtension(napi_env env, napi_callback_info info);
  static napi_value SetDefensive(napi_env env, napi_callback_info info);
  static napi_value HeldWalBytes(napi_env env, napi_callback_info info);
  static napi_value IsOpen(napi_env env, napi_callback_info info);
  static napi_value IsInTransaction(napi_env env, napi_callback_info info);
  static napi_value HasBegun(napi_env env, napi_callback_info info);
  static napi_value IsExclusive(napi_env env, napi_callback_info info);

  // The connection that a method has been called on. Throws a TypeError and returns null for anything else.
  static Connection* Receiver(napi_env env, const Arguments& arguments);
  static bool ReadOptions(napi_env env, napi_value value, Options* options);
  static bool ReadContent(napi_env env, napi_value value, Options* options);
  // Throws and returns false where it cannot be opened.
  bool Open(const std::string& path, const Options& options);
  // Throws and returns false.
  bool FailOpening(const std::string& message, int code);

  const std::shared_ptr<WriterEnvironment> environment_;
  napi_ref object_ = nullptr;  // weak
  // Outlives the handle, whose hooks point to it.
  std::unique_ptr<capture::Capture> capture_;
  sqlite::ConnectionHandle db_;
  KeptStatements kept_statements_;
  std::vector<ConnectionChild*> children_;
  int running_ = 0;
  bool may_call_javascript_ = false;
};

}  // namespace rowtap::node
