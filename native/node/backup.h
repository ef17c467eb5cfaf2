// A backup on its way, as JavaScript holds it.
#pragma once

#include <node_api.h>

#include <memory>
#include <string>

#include "node/connection.h"
#include "sqlite/handles.h"
#include "sqlite3.h"

namespace rowtap::node {

class WriterEnvironment;

// Copies one database of a connection into a file, some pages with each call. Owned by its JavaScript object; ends with its last page, by
// `close`, or with the source's connection. The file is locked from the first page to the end, and holds all of the copy from then on, or
// nothing of it: what it held before stands there again, and where it was made for the backup it is removed.
//
// The hooks see nothing of what is written there; the hub of the file, where it has one, is told that others must have committed.
class Backup final : public ConnectionChild {
 public:
  static bool Init(napi_env env, napi_value exports, WriterEnvironment& environment);

  ~Backup() { End(); }
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  void OnConnectionClose() noexcept override;

 private:
  // How one call has ended; lib has the same numbers.
  enum class Outcome : int32_t {
    kCopied = 0,
    kDone = 1,
    kOwnTransaction = 2,  // the source's connection has a write transaction open
    kLocked = 3,          // by another connection, at the source or at the destination
  };

  struct Finisher {
    void operator()(sqlite3_backup* backup) const noexcept { sqlite3_backup_finish(backup); }
  };

  Backup(Connection& source, std::string schema) : borrowed_source_(&source), schema_(std::move(schema)) {}

  static napi_value Construct(napi_env env, napi_callback_info info);
  static void Finalize(napi_env env, void* backup, void* hint);
  static napi_value Transfer(napi_env env, napi_callback_info info);
  static napi_value CloseMethod(napi_env env, napi_callback_info info);
  static napi_value TotalPages(napi_env env, napi_callback_info info);
  static napi_value RemainingPages(napi_env env, napi_callback_info info);

  // Each throws and returns false where the backup can't begin. Nothing has changed then.
  bool Check(const std::string& path);
  bool Begin(const std::string& path);
  void NoteProgress() noexcept;
  void TellSubscribers() noexcept;
  void End() noexcept;
  void RemoveUnfinished() noexcept;

  Connection* borrowed_source_;  // null when it has ended
  const std::string schema_;
  sqlite::ConnectionHandle destination_;
  std::unique_ptr<sqlite3_backup, Finisher> backup_;  // goes before the destination that it locks
  std::string made_path_;                             // of a file that was made for it; empty when there is none to remove
  std::string made_key_;
  int total_pages_ = 0;
  int remaining_pages_ = 0;
};

}  // namespace rowtap::node
