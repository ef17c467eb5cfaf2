// A disk that loses what was not synced when the power is cut. In the test build only.
//
// SQLite's promise of durability rests on its syncs (https://www.sqlite.org/atomiccommit.html), and a killed process shows nothing of it:
// the system still has what was written. So here every write goes through to the real file, where other connections and the WAL index need
// it, and what undoes it is kept until the file is synced. When the power is cut, each file becomes what it was at its last sync, plus none
// or a random part of what came after it:
//
// - Data is lost or lasts by whole sectors, in any order. A sector that is lost has the bytes of the sync, so what was synced beside the
// lost
//   bytes is never harmed: SQLite is told that overwriting is safe in this sense (https://www.sqlite.org/psow.html).
// - The size is that of the sync or the last one. Where the file has grown and its data is lost, there is zeros or garbage.
// - A file that was created or deleted is there again, or gone, unless its folder was synced since. That is what the unix VFS does with the
//   first sync of a journal or a WAL that may be new, and where xDelete is asked for it.
//
// Of a sector written several times since the sync only the last state can last. The -shm file is left as it is, since SQLite writes it
// anew when it recovers; temporary files too. What happened before it was started counts as synced, and so do the writes of other
// processes.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "sqlite3.h"
#include "testing/unsynced_writes.h"

namespace rowtap::testing {

// For all threads. Each operation is carried out on the file or file system underneath, which it is handed, and gives SQLite's code. Until
// it is started it only does that.
class LossyDisk {
 public:
  void Start(Loss loss, int sector_bytes, uint64_t seed);

  int Open(sqlite3_vfs* vfs, sqlite3_filename path, sqlite3_file* file, int flags, int* out_flags);
  int Write(const char* path, sqlite3_file* file, const void* source, int size, int64_t offset);
  int Truncate(const char* path, sqlite3_file* file, int64_t size);
  // Reaches no real disk.
  int Sync(const char* path, bool is_folder_synced);
  int Delete(sqlite3_vfs* vfs, const char* path, bool is_folder_synced);

  // Leaves the files as they are found after the power has come back. From then on no thread changes one: the caller ends the process.
  void CutPower();

 private:
  // What stands under the name on the disk, as of the last sync of its folder.
  enum class SyncedEntry { kThisFile, kNone, kDeletedFile };

  struct Entry {
    bool exists;
    SyncedEntry synced;
    UnsyncedWrites writes;     // to the file that is there now
    std::string deleted_file;  // as it is on the disk, if it is
  };

  Entry& EntryOf(const std::string& path);
  void SyncFolderOf(const std::string& path);
  void Lose(const std::string& path, const Entry& entry);

  std::atomic<bool> is_started_ = false;
  std::mutex mutex_;
  int sector_bytes_ = 0;
  Lots lots_{Loss::kAll, 0};
  // Ordered, so that the same lots fall to the same files.
  std::map<std::string, Entry> entries_;
};

}  // namespace rowtap::testing
