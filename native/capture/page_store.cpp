#include "capture/page_store.h"

#include <cstring>
#include <new>

namespace rowtap::capture {

Page::~Page() {
  store_->GiveBack(*this);
}

void PageStore::SetKeptMemory(uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  kept_pages_ = static_cast<size_t>(bytes / kPageSize);
  if (free_.size() > kept_pages_) free_.resize(kept_pages_);
}

std::unique_ptr<uint8_t[]> PageStore::TakeMemory() noexcept {
  if (!free_.empty()) {
    auto memory = std::move(free_.back());
    free_.pop_back();
    return memory;
  }
  return std::unique_ptr<uint8_t[]>(new (std::nothrow) uint8_t[kPageSize]);
}

PagePtr PageStore::Take(Page* full) noexcept {
  std::unique_ptr<uint8_t[]> memory;
  {
    const std::lock_guard lock(mutex_);
    const bool is_past_limit = full != nullptr && full->memory_ != nullptr && resident_bytes_ + kPageSize > max_memory_;
    const bool is_spilled = is_past_limit && spill_file_.Write(full->memory_.get(), full->slot_);
    if (is_past_limit) is_spill_refused_ = !is_spilled;
    if (is_spilled) {
      memory = std::move(full->memory_);
      spilled_bytes_ += kPageSize;
    } else {
      memory = TakeMemory();
      if (memory == nullptr) return nullptr;
      resident_bytes_ += kPageSize;
    }
  }
  try {
    return std::make_shared<Page>(shared_from_this(), std::move(memory));
  } catch (const std::bad_alloc&) {
    const std::lock_guard lock(mutex_);
    resident_bytes_ -= kPageSize;
    return nullptr;
  }
}

bool PageStore::Read(Page& page, uint32_t offset, uint8_t* to, uint32_t size) noexcept {
  const std::lock_guard lock(mutex_);
  if (page.memory_ == nullptr) return spill_file_.Read(page.slot_, offset, to, size);
  std::memcpy(to, page.memory_.get() + offset, size);
  return true;
}

bool PageStore::Load(Page& page) noexcept {
  const std::lock_guard lock(mutex_);
  if (page.memory_ != nullptr) return true;
  auto memory = TakeMemory();
  if (memory == nullptr || !spill_file_.Read(page.slot_, 0, memory.get(), kPageSize)) return false;
  spill_file_.Release(page.slot_);
  page.memory_ = std::move(memory);
  resident_bytes_ += kPageSize;
  return true;
}

void PageStore::GiveBack(Page& page) noexcept {
  const std::lock_guard lock(mutex_);
  if (page.memory_ == nullptr) {
    spill_file_.Release(page.slot_);
    return;
  }
  resident_bytes_ -= kPageSize;
  if (resident_bytes_ <= max_memory_) is_spill_refused_ = false;
  if (free_.size() >= kept_pages_) return;
  try {
    free_.push_back(std::move(page.memory_));
  } catch (const std::bad_alloc&) {
    // Then it is freed instead of kept.
  }
}

}  // namespace rowtap::capture
