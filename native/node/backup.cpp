#include "node/backup.h"

#include <algorithm>
#include <exception>

#include "capture/file_key.h"
#include "capture/hub.h"
#include "capture/library_call.h"
#include "node/arguments.h"
#include "node/environment.h"
#include "node/errors.h"
#include "node/text.h"
#include "node/wake.h"

namespace rowtap::node {

namespace {

constexpr napi_type_tag kBackupTag = {0x2b90e4d17fa3c658, 0xc1465de70b9f8a32};

Backup* WrappedIn(napi_env env, napi_value value) {
  bool is_backup = false;
  void* backup = nullptr;
  if (HasType(env, value, napi_object) && napi_check_object_type_tag(env, value, &kBackupTag, &is_backup) == napi_ok && is_backup &&
      napi_unwrap(env, value, &backup) == napi_ok) {
    return static_cast<Backup*>(backup);
  }
  napi_throw_type_error(env, nullptr, "Expected a native Backup");
  return nullptr;
}

napi_value Integer(napi_env env, int32_t value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return result;
}

bool HasDatabase(sqlite3* db, const std::string& schema) {
  for (int at = 0; const char* name = sqlite3_db_name(db, at); at++) {
    if (sqlite3_stricmp(name, schema.c_str()) == 0) return true;
  }
  return false;
}

}  // namespace

bool Backup::Init(napi_env env, napi_value exports, WriterEnvironment& environment) {
  const napi_property_descriptor properties[] = {
      {"transfer", nullptr, Transfer, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"close", nullptr, CloseMethod, nullptr, nullptr, nullptr, napi_default_method, &environment},
      {"totalPages", nullptr, nullptr, TotalPages, nullptr, nullptr, napi_default, &environment},
      {"remainingPages", nullptr, nullptr, RemainingPages, nullptr, nullptr, napi_default, &environment},
  };
  napi_value constructor;
  return napi_define_class(env, "Backup", NAPI_AUTO_LENGTH, Construct, &environment, std::size(properties), properties, &constructor) ==
             napi_ok &&
         napi_set_named_property(env, exports, "Backup", constructor) == napi_ok;
}

napi_value Backup::Construct(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  napi_value new_target = nullptr;
  napi_get_new_target(env, info, &new_target);
  std::string schema;
  std::string path;
  if (new_target == nullptr || arguments.count() < 3 || !ReadText(env, arguments[1], &schema) || !ReadText(env, arguments[2], &path)) {
    ThrowTypeErrorUnlessPending(env, "Expected new Backup(connection, schema, path)");
    return nullptr;
  }
  Connection* source = Connection::Unwrap(env, {env, arguments[0]});
  if (source == nullptr) return nullptr;
  if (source->borrowed_db() == nullptr) {
    napi_throw_type_error(env, nullptr, "The database connection is closed");
    return nullptr;
  }
  try {
    std::unique_ptr<Backup> backup(new Backup(*source, std::move(schema)));
    if (!backup->Check(path) || !backup->Begin(path)) return nullptr;
    if (napi_type_tag_object(env, arguments.receiver(), &kBackupTag) != napi_ok ||
        napi_wrap(env, arguments.receiver(), backup.get(), Finalize, nullptr, nullptr) != napi_ok) {
      ThrowUnlessPending(env, "Out of memory");
      return nullptr;
    }
    backup.release();
  } catch (const std::exception& error) {
    ThrowUnlessPending(env, error.what());
    return nullptr;
  }
  return arguments.receiver();
}

void Backup::Finalize(napi_env, void* backup, void*) {
  delete static_cast<Backup*>(backup);
}

bool Backup::Check(const std::string& path) {
  sqlite3* const source = borrowed_source_->borrowed_db();
  const WriterEnvironment& environment = borrowed_source_->environment();
  if (!HasDatabase(source, schema_)) {
    ThrowSqliteError(environment, "unknown database " + schema_, SQLITE_ERROR);
    return false;
  }
  const std::string key = capture::PathKey(path.c_str());
  if (!key.empty() && capture::IsFileOf(source, schema_.c_str(), key)) {
    napi_throw_type_error(environment.env(), nullptr,
                          "A database cannot be backed up onto itself, or onto its journal: name another file as the destination");
    return false;
  }
  if (key.empty()) made_path_ = path;
  return true;
}

bool Backup::Begin(const std::string& path) {
  const WriterEnvironment& environment = borrowed_source_->environment();
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  destination_.reset(opened);
  if (!made_path_.empty()) {
    // As it is found whatever becomes the working directory.
    const char* full_path = code == SQLITE_OK ? sqlite3_db_filename(opened, "main") : nullptr;
    if (full_path != nullptr) made_path_ = full_path;
    made_key_ = capture::PathKey(made_path_.c_str());
  }
  if (code == SQLITE_OK) {
    sqlite3_extended_result_codes(opened, 1);
    backup_.reset(sqlite3_backup_init(opened, "main", borrowed_source_->borrowed_db(), schema_.c_str()));
  }
  if (backup_ != nullptr) {
    borrowed_source_->AddChild(this);
    return true;
  }
  if (opened == nullptr) {
    ThrowSqliteError(environment, sqlite3_errstr(code), code);
  } else {
    ThrowSqliteError(environment, sqlite3_errmsg(opened), sqlite3_extended_errcode(opened));
  }
  OnConnectionClose();
  return false;
}

napi_value Backup::Transfer(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  Backup* self = WrappedIn(env, arguments.receiver());
  if (self == nullptr) return nullptr;
  int32_t pages = 0;
  if (arguments.count() < 1 || napi_get_value_int32(env, arguments[0], &pages) != napi_ok || pages < 0) {
    ThrowTypeErrorUnlessPending(env, "Expected transfer(pages)");
    return nullptr;
  }
  if (self->backup_ == nullptr) {
    napi_throw_type_error(env, nullptr, "The database connection is closed, or the backup has ended");
    return nullptr;
  }
  sqlite3* const source = self->borrowed_source_->borrowed_db();
  int code;
  {
    const capture::LibraryCall call(self->borrowed_source_->borrowed_capture());
    code = sqlite3_backup_step(self->backup_.get(), pages);
  }
  FlushWake(env);
  switch (code) {
    case SQLITE_OK:
      self->NoteProgress();
      return Integer(env, static_cast<int32_t>(Outcome::kCopied));
    case SQLITE_DONE:
      self->NoteProgress();
      self->made_path_.clear();
      self->TellSubscribers();
      self->End();
      return Integer(env, static_cast<int32_t>(Outcome::kDone));
    case SQLITE_BUSY: {
      const bool is_own = sqlite3_txn_state(source, self->schema_.c_str()) == SQLITE_TXN_WRITE;
      return Integer(env, static_cast<int32_t>(is_own ? Outcome::kOwnTransaction : Outcome::kLocked));
    }
    default:
      ThrowSqliteError(self->borrowed_source_->environment(), sqlite3_errstr(code), code);
      return nullptr;
  }
}

void Backup::NoteProgress() noexcept {
  total_pages_ = sqlite3_backup_pagecount(backup_.get());
  // A source that has become shorter than what was copied of it counts below zero.
  remaining_pages_ = std::max(0, sqlite3_backup_remaining(backup_.get()));
}

void Backup::TellSubscribers() noexcept {
  try {
    if (const auto hub = capture::Hub::OfWriters(destination_.get()); hub != nullptr) hub->NoteReplacedContent();
  } catch (const std::exception&) {
    // No memory. Where the two journal modes are the same, counting tells.
  }
}

napi_value Backup::CloseMethod(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  if (Backup* self = WrappedIn(env, arguments.receiver()); self != nullptr) self->End();
  return nullptr;
}

napi_value Backup::TotalPages(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const Backup* self = WrappedIn(env, arguments.receiver());
  return self == nullptr ? nullptr : Integer(env, self->total_pages_);
}

napi_value Backup::RemainingPages(napi_env env, napi_callback_info info) {
  const Arguments arguments(env, info);
  const Backup* self = WrappedIn(env, arguments.receiver());
  return self == nullptr ? nullptr : Integer(env, self->remaining_pages_);
}

void Backup::End() noexcept {
  if (backup_ == nullptr) return;
  borrowed_source_->RemoveChild(this);
  OnConnectionClose();
}

void Backup::OnConnectionClose() noexcept {
  backup_.reset();
  destination_.reset();
  borrowed_source_ = nullptr;
  RemoveUnfinished();
}

void Backup::RemoveUnfinished() noexcept {
  if (made_path_.empty()) return;
  try {
    // Not another file that has taken its place.
    sqlite3_vfs* const files = sqlite3_vfs_find(nullptr);
    if (!made_key_.empty() && capture::PathKey(made_path_.c_str()) == made_key_) files->xDelete(files, made_path_.c_str(), 0);
  } catch (const std::exception&) {
    // No memory: an empty file stays.
  }
  made_path_.clear();
}

}  // namespace rowtap::node
