#include "testing/unsynced_writes.h"

#include <algorithm>
#include <utility>

namespace rowtap::testing {

void Lots::TurnToNextFile() {
  survivors_of_1024_ = loss_ == Loss::kAll ? 0 : random_() % 1025;
}

bool Lots::Survives() {
  return loss_ == Loss::kSome && random_() % 1024 < survivors_of_1024_;
}

std::string Lots::Unwritten(size_t size) {
  std::string bytes(size, '\0');
  if (random_() % 2 == 0) return bytes;
  for (char& byte : bytes) byte = static_cast<char>(random_());
  return bytes;
}

int UnsyncedWrites::KeepBefore(sqlite3_file* borrowed_file, int64_t from, int64_t to) {
  for (int64_t start = from - from % sector_bytes_; start < to; start += sector_bytes_) {
    if (sectors_before_.contains(start)) continue;
    std::string before(static_cast<size_t>(std::clamp<int64_t>(synced_size_ - start, 0, sector_bytes_)), '\0');
    if (!before.empty()) {
      const int code = borrowed_file->pMethods->xRead(borrowed_file, before.data(), static_cast<int>(before.size()), start);
      if (code != SQLITE_OK) return code;
    }
    sectors_before_.emplace(start, std::move(before));
  }
  return SQLITE_OK;
}

std::string UnsyncedWrites::Surviving(const std::string& content, Lots& lots) const {
  std::string surviving = content;
  surviving.resize(lots.Survives() ? content.size() : static_cast<size_t>(synced_size_));
  for (const auto& [place, before] : sectors_before_) {
    const auto start = static_cast<size_t>(place);
    if (start >= surviving.size()) break;
    const size_t size = std::min(surviving.size() - start, static_cast<size_t>(sector_bytes_));
    const size_t before_size = std::min(size, before.size());
    // A cut that did not last brings back what it took, also from a sector whose writes lasted.
    const size_t lasting = lots.Survives() ? std::min(size, content.size() - std::min(start, content.size())) : 0;
    if (lasting < before_size) surviving.replace(start + lasting, before_size - lasting, before, lasting, before_size - lasting);
    const size_t known = std::max(lasting, before_size);
    if (known < size) surviving.replace(start + known, size - known, lots.Unwritten(size - known));
  }
  return surviving;
}

}  // namespace rowtap::testing
