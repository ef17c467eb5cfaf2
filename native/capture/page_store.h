// The pages in which changes wait: in memory from a pool that is kept, or in a spill file past a limit.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "capture/spill_file.h"

namespace rowtap::capture {

// SQLite's VFS for Unix writes less than 128 KiB at a time, and says nothing of what it left out.
inline constexpr uint32_t kPageSize = 64 * 1024;

class PageStore;

// One page. Shared by the transaction buffer that fills it and the batches that lie in it; given back to the store by the last of them.
// Bytes that have been written are not written again while anybody else holds the page.
class Page {
 public:
  Page(std::shared_ptr<PageStore> store, std::unique_ptr<uint8_t[]> memory) noexcept
      : store_(std::move(store)), memory_(std::move(memory)) {}
  ~Page();
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  // For the one that fills it, while it has not been spilled.
  uint8_t* memory() noexcept { return memory_.get(); }

 private:
  friend class PageStore;

  const std::shared_ptr<PageStore> store_;
  std::unique_ptr<uint8_t[]> memory_;  // null: spilled to slot_. Changed under the store's lock only
  uint32_t slot_ = 0;
};

using PagePtr = std::shared_ptr<Page>;

// Of one hub; thread-safe. Touching fresh memory costs several times what copying into it does, so pages go around.
class PageStore : public std::enable_shared_from_this<PageStore> {
 public:
  PageStore() : spill_file_(kPageSize) {}

  void SetMaxMemory(uint64_t bytes) noexcept { max_memory_ = bytes; }
  // How much free memory may be kept for the next transaction.
  void SetKeptMemory(uint64_t bytes) noexcept;

  // A page to fill. `full` is the page that was filled before it: past the limit it is spilled first, and its memory goes on to the new
  // page. A disk that refuses makes it stay in memory. Null: no memory.
  PagePtr Take(Page* full) noexcept;
  // False: the spill file could not be read.
  bool Read(Page& page, uint32_t offset, uint8_t* to, uint32_t size) noexcept;
  // Brings a spilled page back, to be filled further. False: it could not be read, or no memory.
  bool Load(Page& page) noexcept;

  // Orders what follows after every Read that has returned, in whatever thread.
  void AwaitReaders() noexcept { const std::lock_guard lock(mutex_); }

  uint64_t spilled_bytes() const noexcept { return spilled_bytes_; }
  // The disk takes no more, and pages past the limit stay in memory. It is asked again for each of them.
  bool is_spill_refused() const noexcept { return is_spill_refused_; }

 private:
  friend class Page;
  void GiveBack(Page& page) noexcept;
  std::unique_ptr<uint8_t[]> TakeMemory() noexcept;

  std::mutex mutex_;
  SpillFile spill_file_;
  std::vector<std::unique_ptr<uint8_t[]>> free_;
  size_t kept_pages_ = 0;
  uint64_t resident_bytes_ = 0;  // of pages that are held, not of free ones
  std::atomic<uint64_t> max_memory_{64 * 1024 * 1024};
  std::atomic<uint64_t> spilled_bytes_{0};
  std::atomic<bool> is_spill_refused_{false};
};

}  // namespace rowtap::capture
