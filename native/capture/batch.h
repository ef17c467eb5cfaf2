// The changes of one committed transaction, which nobody changes any more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "capture/page_store.h"

namespace rowtap::capture {

// Shared by reference between all who read it. Its frames lie in `pages`, from `first_offset` in the first, without a break.
struct Batch {
  std::shared_ptr<PageStore> store;
  std::vector<PagePtr> pages;
  uint32_t first_offset = 0;
  uint32_t frames = 0;
  uint64_t size = 0;
  int64_t lsn = 0;
  int64_t time_ms = 0;

  // Copies bytes [offset, offset + size), which must lie in the batch. False: the spill file could not be read.
  bool Read(uint64_t offset, uint8_t* to, uint64_t count) const noexcept {
    uint64_t at = first_offset + offset;
    while (count > 0) {
      const auto in_page = static_cast<uint32_t>(at % kPageSize);
      const auto part = static_cast<uint32_t>(std::min<uint64_t>(count, kPageSize - in_page));
      if (!store->Read(*pages[at / kPageSize], in_page, to, part)) return false;
      to += part;
      at += part;
      count -= part;
    }
    return true;
  }
};

using BatchPtr = std::shared_ptr<const Batch>;

// Copies as many whole frames as fit, beginning at `offset` (a frame's start), marks those whose text is ASCII, and returns their bytes; 0
// at the end; minus the size of the next frame where it alone does not fit; kReadFailed where the spill file could not be read.
inline constexpr int64_t kReadFailed = INT64_MIN;
int64_t ReadFrames(const Batch& batch, uint64_t offset, uint8_t* to, uint64_t capacity) noexcept;

}  // namespace rowtap::capture
