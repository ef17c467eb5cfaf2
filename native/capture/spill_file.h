// A temporary file of fixed-size slots, for pages that do not fit in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sqlite3.h"

namespace rowtap::capture {

// Opened through SQLite's VFS, which puts it where SQLite puts its own temporary files (https://www.sqlite.org/tempfiles.html#tempdir) and
// unlinks it at once, so that a crash leaves nothing behind. Not thread-safe: its PageStore holds a lock.
class SpillFile {
 public:
  explicit SpillFile(uint32_t slot_size) noexcept : slot_size_(slot_size) {}
  ~SpillFile() { Close(); }
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  // Writes one slot's bytes. Returns false where the disk refuses, and then nothing has been taken.
  bool Write(const uint8_t* bytes, uint32_t& slot) noexcept;
  bool Read(uint32_t slot, uint32_t offset, uint8_t* to, uint32_t size) noexcept;
  // The file is closed, and its space given back, when the last slot is.
  void Release(uint32_t slot) noexcept;

 private:
  bool Open() noexcept;
  void Close() noexcept;

  const uint32_t slot_size_;
  std::unique_ptr<uint8_t[]> file_memory_;  // a sqlite3_file of the VFS's size
  sqlite3_file* file_ = nullptr;            // points into file_memory_; null: not open
  std::vector<uint32_t> free_slots_;
  uint32_t slot_count_ = 0;
  uint32_t used_count_ = 0;
};

}  // namespace rowtap::capture
