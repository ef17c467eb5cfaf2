#include "testing/lossy_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace rowtap::testing {
namespace {

// By its path: opening it would, when it is closed, drop the locks of the process.
int64_t SizeOf(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 ? static_cast<int64_t>(status.st_size) : 0;
}

// A test must not go on with a disk that it did not ask for.
void Demand(bool is_true) {
  if (!is_true) std::abort();
}

std::string ContentOf(int file) {
  struct stat status;
  Demand(fstat(file, &status) == 0);
  std::string content(static_cast<size_t>(status.st_size), '\0');
  for (size_t done = 0; done < content.size();) {
    const ssize_t size = pread(file, content.data() + done, content.size() - done, static_cast<off_t>(done));
    Demand(size > 0);
    done += static_cast<size_t>(size);
  }
  return content;
}

void Overwrite(int file, const std::string& content) {
  Demand(ftruncate(file, static_cast<off_t>(content.size())) == 0);
  for (size_t done = 0; done < content.size();) {
    const ssize_t size = pwrite(file, content.data() + done, content.size() - done, static_cast<off_t>(done));
    Demand(size > 0);
    done += static_cast<size_t>(size);
  }
}

}  // namespace

void LossyDisk::Start(Loss loss, int sector_bytes, uint64_t seed) {
  std::lock_guard lock(mutex_);
  sector_bytes_ = sector_bytes;
  lots_ = Lots(loss, seed);
  entries_.clear();
  is_started_ = true;
}

int LossyDisk::Open(sqlite3_vfs* vfs, sqlite3_filename path, sqlite3_file* file, int flags, int* out_flags) {
  if (!is_started_) return vfs->xOpen(vfs, path, file, flags, out_flags);
  std::lock_guard lock(mutex_);
  Entry& entry = EntryOf(path);
  const int code = vfs->xOpen(vfs, path, file, flags, out_flags);
  if (!entry.exists && std::filesystem::exists(path)) {
    entry.exists = true;
    entry.writes = UnsyncedWrites(0, sector_bytes_);
  }
  return code;
}

int LossyDisk::Write(const char* path, sqlite3_file* file, const void* source, int size, int64_t offset) {
  const auto write = [=] { return file->pMethods->xWrite(file, source, size, offset); };
  if (!is_started_) return write();
  std::lock_guard lock(mutex_);
  const int code = EntryOf(path).writes.KeepBefore(file, offset, offset + size);
  return code == SQLITE_OK ? write() : code;
}

int LossyDisk::Truncate(const char* path, sqlite3_file* file, int64_t size) {
  const auto truncate = [=] { return file->pMethods->xTruncate(file, size); };
  if (!is_started_) return truncate();
  std::lock_guard lock(mutex_);
  const int code = EntryOf(path).writes.KeepBefore(file, size, SizeOf(path));
  return code == SQLITE_OK ? truncate() : code;
}

int LossyDisk::Sync(const char* path, bool is_folder_synced) {
  if (!is_started_) return SQLITE_OK;
  std::lock_guard lock(mutex_);
  EntryOf(path).writes = UnsyncedWrites(SizeOf(path), sector_bytes_);
  if (is_folder_synced) SyncFolderOf(path);
  return SQLITE_OK;
}

int LossyDisk::Delete(sqlite3_vfs* vfs, const char* path, bool is_folder_synced) {
  // The folder is synced as little as a file.
  const auto remove = [=] { return vfs->xDelete(vfs, path, 0); };
  if (!is_started_) return remove();
  std::lock_guard lock(mutex_);
  Entry& entry = EntryOf(path);
  // A journal or a WAL, on which there are no locks: it may be opened and closed.
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const std::string content = file >= 0 ? ContentOf(file) : "";
  if (file >= 0) close(file);
  const int code = remove();
  if (code != SQLITE_OK) return code;
  if (entry.synced == SyncedEntry::kThisFile) {
    lots_.TurnToNextFile();
    entry.deleted_file = entry.writes.Surviving(content, lots_);
    entry.synced = SyncedEntry::kDeletedFile;
  }
  entry.exists = false;
  if (is_folder_synced) SyncFolderOf(path);
  return SQLITE_OK;
}

void LossyDisk::CutPower() {
  // Never given back.
  mutex_.lock();
  for (const auto& [path, entry] : entries_) Lose(path, entry);
}

LossyDisk::Entry& LossyDisk::EntryOf(const std::string& path) {
  const auto found = entries_.find(path);
  if (found != entries_.end()) return found->second;
  const bool exists = std::filesystem::exists(path);
  const SyncedEntry synced = exists ? SyncedEntry::kThisFile : SyncedEntry::kNone;
  return entries_.emplace(path, Entry{exists, synced, UnsyncedWrites(SizeOf(path), sector_bytes_), ""}).first->second;
}

void LossyDisk::SyncFolderOf(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  for (auto& [other, entry] : entries_) {
    if (std::filesystem::path(other).parent_path() != folder) continue;
    entry.synced = entry.exists ? SyncedEntry::kThisFile : SyncedEntry::kNone;
    entry.deleted_file.clear();
  }
}

// What it opens it leaves open: the locks of the process end with the process, when all files are as they are to be.
void LossyDisk::Lose(const std::string& path, const Entry& entry) {
  lots_.TurnToNextFile();
  if (entry.exists && (entry.synced == SyncedEntry::kThisFile || lots_.Survives())) {
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    Demand(file >= 0);
    const std::string content = ContentOf(file);
    const std::string surviving = entry.writes.Surviving(content, lots_);
    if (surviving != content) Overwrite(file, surviving);
  } else if (entry.synced == SyncedEntry::kDeletedFile && !lots_.Survives()) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    Demand(file >= 0);
    Overwrite(file, entry.deleted_file);
  } else if (entry.exists) {
    Demand(unlink(path.c_str()) == 0);
  }
}

}  // namespace rowtap::testing
