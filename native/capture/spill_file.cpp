#include "capture/spill_file.h"

#include <new>

namespace rowtap::capture {

bool SpillFile::Open() noexcept {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  if (vfs == nullptr) return false;
  file_memory_.reset(new (std::nothrow) uint8_t[static_cast<size_t>(vfs->szOsFile)]());
  if (file_memory_ == nullptr) return false;
  auto* file = reinterpret_cast<sqlite3_file*>(file_memory_.get());
  const int flags =
      SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE | SQLITE_OPEN_DELETEONCLOSE;
  int opened = 0;
  if (vfs->xOpen(vfs, nullptr, file, flags, &opened) != SQLITE_OK) {
    if (file->pMethods != nullptr) file->pMethods->xClose(file);
    return false;
  }
  file_ = file;
  return true;
}

void SpillFile::Close() noexcept {
  if (file_ != nullptr) file_->pMethods->xClose(file_);
  file_ = nullptr;
  slot_count_ = used_count_ = 0;
  free_slots_.clear();
}

bool SpillFile::Write(const uint8_t* bytes, uint32_t& slot) noexcept {
  if (file_ == nullptr && !Open()) return false;
  const bool is_reused = !free_slots_.empty();
  slot = is_reused ? free_slots_.back() : slot_count_;
  if (!is_reused) {
    // Room for giving the slot back later is taken now: Release cannot fail.
    try {
      free_slots_.reserve(slot_count_ + 1);
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  const auto offset = static_cast<sqlite3_int64>(slot) * slot_size_;
  if (file_->pMethods->xWrite(file_, bytes, static_cast<int>(slot_size_), offset) != SQLITE_OK) {
    if (used_count_ == 0) Close();
    return false;
  }
  if (is_reused) {
    free_slots_.pop_back();
  } else {
    slot_count_++;
  }
  used_count_++;
  return true;
}

bool SpillFile::Read(uint32_t slot, uint32_t offset, uint8_t* to, uint32_t size) noexcept {
  const auto at = static_cast<sqlite3_int64>(slot) * slot_size_ + offset;
  return file_ != nullptr && file_->pMethods->xRead(file_, to, static_cast<int>(size), at) == SQLITE_OK;
}

void SpillFile::Release(uint32_t slot) noexcept {
  if (--used_count_ == 0) {
    Close();
  } else {
    free_slots_.push_back(slot);
  }
}

}  // namespace rowtap::capture
