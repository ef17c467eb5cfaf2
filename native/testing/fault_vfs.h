// A file system for SQLite that fails, kills the process or cuts the power, when a test tells it to. In the test build only.
//
// It lies over the default one and forwards everything but the syncs. Faults are process-wide and may be set from any thread; which of the
// waiting operations meets one is then the test's business.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "testing/unsynced_writes.h"

namespace rowtap::testing {

enum class FileKind { kMain, kWal, kJournal, kTemp };

// Of the last three SQLite does not look at the answer: they can kill, and can't fail.
enum class FileOperation { kOpen, kRead, kWrite, kSync, kTruncate, kLock, kShmLock, kDelete, kUnlock, kShmUnlock, kShmBarrier };

// What reaches the file of an operation that a fault strikes: of a write the first half or all of it, of any other all or nothing.
enum class Effect { kNone, kHalf, kWhole };

enum class Outcome {
  kError,    // SQLite is answered the fault's code
  kKill,     // the process ends there, as by `kill -9`
  kPowerCut  // likewise, and what was not synced is lost as lossy_disk.h says
};

struct Fault {
  std::optional<FileKind> file;            // none: any but temporary files
  std::optional<FileOperation> operation;  // none: any by which a file on the disk changes, or becomes durable
  int64_t passes_left;                     // operations that still succeed before it strikes
  int code;
  bool is_persistent;  // strikes at every later operation too; otherwise once
  Effect effect;
  Outcome outcome = Outcome::kError;
};

bool CanFail(FileOperation operation);

// Makes it the default for connections opened from now on. Again: nothing happens. Returns SQLite's code.
int InstallFaultVfs() noexcept;

void AddFault(const Fault& fault);

// From now on it is known of each file what a power cut would lose. Again: what came before counts as synced.
void StartLosing(Loss loss, int sector_bytes, uint64_t seed);

[[noreturn]] void CutPower();

// Forgets the faults and the counts.
void ClearFaults();

// Operations since the last ClearFaults as "wal.write", and under "failed" those that a fault struck.
std::map<std::string, int64_t> CountOperations();

// By the names that CountOperations uses; false for a name that is none.
bool ParseFileKind(const std::string& name, FileKind* kind);
bool ParseFileOperation(const std::string& name, FileOperation* operation);

}  // namespace rowtap::testing
