#include "testing/fault_vfs.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sqlite3.h"
#include "testing/lossy_disk.h"

namespace rowtap::testing {
namespace {

constexpr std::array kFileNames = {"main", "wal", "journal", "temp"};
constexpr std::array kOperationNames = {"open",    "read",   "write",  "sync",      "truncate",  "lock",
                                        "shmLock", "delete", "unlock", "shmUnlock", "shmBarrier"};

// What a test has asked for and what has happened since. One for the process, as the file system is.
struct Plan {
  std::mutex mutex;
  std::vector<Fault> faults;
  std::array<std::array<int64_t, kOperationNames.size()>, kFileNames.size()> counts{};
  int64_t failed = 0;
};

Plan& ThePlan() {
  static Plan plan;
  return plan;
}

LossyDisk& TheDisk() {
  static LossyDisk disk;
  return disk;
}

bool Matches(const Fault& fault, FileKind file, FileOperation operation) {
  const bool is_file = fault.file ? *fault.file == file : file != FileKind::kTemp;
  if (fault.operation) return is_file && *fault.operation == operation;
  return is_file && (operation == FileOperation::kWrite || operation == FileOperation::kTruncate || operation == FileOperation::kSync ||
                     operation == FileOperation::kDelete);
}

// Counts the operation; the fault that strikes it, if one does.
std::optional<Fault> StrikingFault(FileKind file, FileOperation operation) {
  Plan& plan = ThePlan();
  std::lock_guard lock(plan.mutex);
  plan.counts[static_cast<size_t>(file)][static_cast<size_t>(operation)]++;
  for (auto fault = plan.faults.begin(); fault != plan.faults.end(); ++fault) {
    if (!Matches(*fault, file, operation)) continue;
    if (fault->passes_left > 0) {
      fault->passes_left--;
      continue;
    }
    const Fault striking = *fault;
    if (!fault->is_persistent) plan.faults.erase(fault);
    plan.failed++;
    return striking;
  }
  return std::nullopt;
}

// Nothing of this process runs after it: no handler, no buffer is flushed.
[[noreturn]] void Kill() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// Carries the operation out as far as a fault lets it. `half` and `whole` give SQLite's code.
template <typename Half, typename Whole>
int CarryOut(FileKind file, FileOperation operation, Half half, Whole whole) {
  const std::optional<Fault> fault = StrikingFault(file, operation);
  if (!fault) return whole();
  if (fault->effect == Effect::kHalf) half();
  if (fault->effect == Effect::kWhole) whole();
  if (fault->outcome == Outcome::kKill) Kill();
  if (fault->outcome == Outcome::kPowerCut) CutPower();
  return fault->code;
}

template <typename Whole>
int CarryOut(FileKind file, FileOperation operation, Whole whole) {
  return CarryOut(
      file, operation, [] { return SQLITE_OK; }, whole);
}

// SQLite allocates szOsFile bytes; the file underneath lies behind ours in the same allocation.
struct FaultFile {
  sqlite3_file base;
  FileKind kind;
  // A journal or a WAL that may be new: with its first sync the unix VFS syncs the folder.
  bool is_folder_unsynced;
  const char* borrowed_path;  // SQLite's, until the file is closed; null for some temporary ones
};
constexpr int kFaultFileSize = (sizeof(FaultFile) + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);

FaultFile* FaultFileOf(sqlite3_file* file) {
  return reinterpret_cast<FaultFile*>(file);
}

FileKind KindOf(sqlite3_file* file) {
  return FaultFileOf(file)->kind;
}

bool IsTemporary(sqlite3_file* file) {
  return KindOf(file) == FileKind::kTemp;
}

sqlite3_file* Underneath(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + kFaultFileSize);
}

const sqlite3_io_methods* MethodsUnderneath(sqlite3_file* file) {
  return Underneath(file)->pMethods;
}

int Close(sqlite3_file* file) {
  return MethodsUnderneath(file)->xClose(Underneath(file));
}

int Read(sqlite3_file* file, void* target, int size, sqlite3_int64 offset) {
  return CarryOut(KindOf(file), FileOperation::kRead,
                  [=] { return MethodsUnderneath(file)->xRead(Underneath(file), target, size, offset); });
}

int Write(sqlite3_file* file, const void* source, int size, sqlite3_int64 offset) {
  const auto write = [=](int written) {
    if (IsTemporary(file)) return MethodsUnderneath(file)->xWrite(Underneath(file), source, written, offset);
    return TheDisk().Write(FaultFileOf(file)->borrowed_path, Underneath(file), source, written, offset);
  };
  return CarryOut(
      KindOf(file), FileOperation::kWrite, [=] { return write(size / 2); }, [=] { return write(size); });
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return CarryOut(KindOf(file), FileOperation::kTruncate, [=] {
    if (IsTemporary(file)) return MethodsUnderneath(file)->xTruncate(Underneath(file), size);
    return TheDisk().Truncate(FaultFileOf(file)->borrowed_path, Underneath(file), size);
  });
}

// Not handed on: no test outlives a real loss of power, and waiting for the disk takes most of a test's time.
int Sync(sqlite3_file* file, int) {
  return CarryOut(KindOf(file), FileOperation::kSync, [=] {
    if (IsTemporary(file)) return SQLITE_OK;
    return TheDisk().Sync(FaultFileOf(file)->borrowed_path, std::exchange(FaultFileOf(file)->is_folder_unsynced, false));
  });
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return MethodsUnderneath(file)->xFileSize(Underneath(file), size);
}

int Lock(sqlite3_file* file, int level) {
  return CarryOut(KindOf(file), FileOperation::kLock, [=] { return MethodsUnderneath(file)->xLock(Underneath(file), level); });
}

int Unlock(sqlite3_file* file, int level) {
  return CarryOut(KindOf(file), FileOperation::kUnlock, [=] { return MethodsUnderneath(file)->xUnlock(Underneath(file), level); });
}

int CheckReservedLock(sqlite3_file* file, int* is_reserved) {
  return MethodsUnderneath(file)->xCheckReservedLock(Underneath(file), is_reserved);
}

int FileControl(sqlite3_file* file, int operation, void* argument) {
  return MethodsUnderneath(file)->xFileControl(Underneath(file), operation, argument);
}

int SectorSize(sqlite3_file* file) {
  return MethodsUnderneath(file)->xSectorSize(Underneath(file));
}

int DeviceCharacteristics(sqlite3_file* file) {
  return MethodsUnderneath(file)->xDeviceCharacteristics(Underneath(file));
}

int ShmMap(sqlite3_file* file, int region, int size, int is_write, void volatile** mapped) {
  return MethodsUnderneath(file)->xShmMap(Underneath(file), region, size, is_write, mapped);
}

int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  const FileOperation operation = flags & SQLITE_SHM_LOCK ? FileOperation::kShmLock : FileOperation::kShmUnlock;
  return CarryOut(KindOf(file), operation, [=] { return MethodsUnderneath(file)->xShmLock(Underneath(file), offset, count, flags); });
}

void ShmBarrier(sqlite3_file* file) {
  CarryOut(KindOf(file), FileOperation::kShmBarrier, [=] {
    MethodsUnderneath(file)->xShmBarrier(Underneath(file));
    return SQLITE_OK;
  });
}

int ShmUnmap(sqlite3_file* file, int is_delete) {
  return MethodsUnderneath(file)->xShmUnmap(Underneath(file), is_delete);
}

int Fetch(sqlite3_file* file, sqlite3_int64 offset, int size, void** page) {
  return MethodsUnderneath(file)->xFetch(Underneath(file), offset, size, page);
}

int Unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
  return MethodsUnderneath(file)->xUnfetch(Underneath(file), offset, page);
}

constexpr sqlite3_io_methods MethodsOfVersion(int version) {
  return {version,
          Close,
          Read,
          Write,
          Truncate,
          Sync,
          FileSize,
          Lock,
          Unlock,
          CheckReservedLock,
          FileControl,
          SectorSize,
          DeviceCharacteristics,
          ShmMap,
          ShmLock,
          ShmBarrier,
          ShmUnmap,
          Fetch,
          Unfetch};
}

// By the version of the file underneath: SQLite takes the version for a promise that the later functions are there.
constexpr std::array kMethods = {MethodsOfVersion(1), MethodsOfVersion(2), MethodsOfVersion(3)};

FileKind KindByFlags(int flags) {
  if (flags & SQLITE_OPEN_MAIN_DB) return FileKind::kMain;
  if (flags & SQLITE_OPEN_WAL) return FileKind::kWal;
  if (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) return FileKind::kJournal;
  return FileKind::kTemp;
}

FileKind KindByName(std::string_view name) {
  if (name.ends_with("-wal")) return FileKind::kWal;
  if (name.ends_with("-journal") || name.find("-mj") != name.npos) return FileKind::kJournal;
  return FileKind::kMain;
}

sqlite3_vfs* borrowed_real_vfs = nullptr;

int Open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  const FileKind kind = KindByFlags(flags);
  return CarryOut(kind, FileOperation::kOpen, [=] {
    sqlite3_file* underneath = Underneath(file);
    const int code = kind == FileKind::kTemp ? borrowed_real_vfs->xOpen(borrowed_real_vfs, name, underneath, flags, out_flags)
                                             : TheDisk().Open(borrowed_real_vfs, name, underneath, flags, out_flags);
    if (underneath->pMethods != nullptr) {
      FaultFileOf(file)->kind = kind;
      FaultFileOf(file)->is_folder_unsynced = kind != FileKind::kMain && (flags & SQLITE_OPEN_CREATE);
      FaultFileOf(file)->borrowed_path = name;
      file->pMethods = &kMethods[static_cast<size_t>(underneath->pMethods->iVersion) - 1];
    }
    return code;
  });
}

int Delete(sqlite3_vfs*, const char* name, int is_folder_synced) {
  return CarryOut(KindByName(name), FileOperation::kDelete,
                  [=] { return TheDisk().Delete(borrowed_real_vfs, name, (is_folder_synced & 1) != 0); });
}

template <typename Name>
bool Parse(const auto& names, const std::string& name, Name* result) {
  for (size_t i = 0; i < names.size(); i++) {
    if (name != names[i]) continue;
    *result = static_cast<Name>(i);
    return true;
  }
  return false;
}

int Install() noexcept {
  static sqlite3_vfs vfs;
  borrowed_real_vfs = sqlite3_vfs_find(nullptr);
  if (borrowed_real_vfs == nullptr) return SQLITE_ERROR;
  // All that does not concern a file's bytes (names, time, randomness) takes the functions underneath, which ignore the object they are
  // called on or only read from it what has been copied.
  vfs = *borrowed_real_vfs;
  vfs.pNext = nullptr;
  vfs.zName = "rowtap-fault";
  vfs.szOsFile = kFaultFileSize + borrowed_real_vfs->szOsFile;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  return sqlite3_vfs_register(&vfs, 1);
}

}  // namespace

int InstallFaultVfs() noexcept {
  static const int code = Install();
  return code;
}

void AddFault(const Fault& fault) {
  Plan& plan = ThePlan();
  std::lock_guard lock(plan.mutex);
  plan.faults.push_back(fault);
}

void StartLosing(Loss loss, int sector_bytes, uint64_t seed) {
  TheDisk().Start(loss, sector_bytes, seed);
}

void CutPower() {
  TheDisk().CutPower();
  Kill();
}

void ClearFaults() {
  Plan& plan = ThePlan();
  std::lock_guard lock(plan.mutex);
  plan.faults.clear();
  plan.counts = {};
  plan.failed = 0;
}

std::map<std::string, int64_t> CountOperations() {
  Plan& plan = ThePlan();
  std::lock_guard lock(plan.mutex);
  std::map<std::string, int64_t> counts{{"failed", plan.failed}};
  for (size_t file = 0; file < kFileNames.size(); file++) {
    for (size_t operation = 0; operation < kOperationNames.size(); operation++) {
      counts[std::string(kFileNames[file]) + "." + kOperationNames[operation]] = plan.counts[file][operation];
    }
  }
  return counts;
}

bool CanFail(FileOperation operation) {
  return operation < FileOperation::kUnlock;
}

bool ParseFileKind(const std::string& name, FileKind* kind) {
  return Parse(kFileNames, name, kind);
}

bool ParseFileOperation(const std::string& name, FileOperation* operation) {
  return Parse(kOperationNames, name, operation);
}

}  // namespace rowtap::testing
