#include "capture/transaction_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace rowtap::capture {

uint8_t* TransactionBuffer::BeginInScratch() noexcept {
  try {
    if (scratch_.size() < frame_size_) scratch_.resize(frame_size_);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return scratch_.data();
}

bool TransactionBuffer::EndInScratch() noexcept {
  const uint8_t* from = scratch_.data();
  for (uint64_t left = frame_size_; left > 0;) {
    if (at_ == end_) {
      Page* full = pages_.empty() ? nullptr : pages_.back().get();
      PagePtr page;
      try {
        // Before the full page may go to disk: that cannot be taken back without memory.
        pages_.reserve(pages_.size() + 1);
        page = store_->Take(full);
      } catch (const std::bad_alloc&) {
      }
      if (page == nullptr) {
        if (!MoveTo(mark_)) GiveUp();
        return false;
      }
      pages_.push_back(page);
      at_ = page->memory();
      end_ = at_ + kPageSize;
    }
    const uint64_t part = std::min<uint64_t>(left, static_cast<uint64_t>(end_ - at_));
    std::memcpy(at_, from, part);
    at_ += part;
    from += part;
    left -= part;
  }
  // A record of many megabytes is rare: its memory is not kept.
  if (scratch_.size() > 4 * kPageSize) std::vector<uint8_t>().swap(scratch_);
  return true;
}

void TransactionBuffer::GiveUp() noexcept {
  const uint32_t frames = mark_.frames;
  Clear();
  mark_.frames = frames;
  is_given_up_ = true;
}

bool TransactionBuffer::RewindTo(Mark mark) noexcept {
  if (is_given_up_) {
    mark_.frames = std::min(mark_.frames, mark.frames);
    return true;
  }
  return mark.size >= mark_.size || MoveTo(mark);
}

bool TransactionBuffer::MoveTo(Mark mark) noexcept {
  if (pages_.empty()) return true;
  const uint64_t position = first_offset_ + mark.size;
  // A position at the very end of a page stays in that page: the next frame takes a new one.
  const size_t kept = position == 0 ? 1 : static_cast<size_t>((position + kPageSize - 1) / kPageSize);
  if (kept < pages_.size()) pages_.resize(kept);
  Page& last = *pages_.back();
  if (!store_->Load(last)) return false;
  at_ = last.memory() + (position - (kept - 1) * uint64_t{kPageSize});
  end_ = last.memory() + kPageSize;
  mark_ = mark;
  return true;
}

void TransactionBuffer::Clear() noexcept {
  mark_ = {};
  is_given_up_ = false;
  // The first page is kept where it still is in memory; the others go back to the store.
  pages_.resize(!pages_.empty() && pages_[0]->memory() != nullptr ? 1 : 0);
  if (pages_.empty()) {
    first_offset_ = 0;
    at_ = end_ = nullptr;
    return;
  }
  // Once the batches before it have been read, it begins at the front again, where the processor's cache is warm.
  if (first_offset_ != 0 && pages_[0].use_count() == 1) {
    store_->AwaitReaders();
    first_offset_ = 0;
  }
  at_ = pages_[0]->memory() + first_offset_;
  end_ = pages_[0]->memory() + kPageSize;
}

const uint8_t* TransactionBuffer::FrameAt(uint64_t offset, std::vector<uint8_t>& scratch) {
  const uint64_t position = first_offset_ + offset;
  const uint64_t in_page = position % kPageSize;
  const uint64_t rest = kPageSize - in_page;
  uint32_t size;
  if (const uint8_t* memory = pages_[position / kPageSize]->memory(); memory != nullptr && rest >= sizeof size) {
    std::memcpy(&size, memory + in_page, sizeof size);
    if (size <= rest) return memory + in_page;
  } else if (!Read(position, reinterpret_cast<uint8_t*>(&size), sizeof size)) {
    return nullptr;
  }
  if (scratch.size() < size) scratch.resize(size);
  return Read(position, scratch.data(), size) ? scratch.data() : nullptr;
}

bool TransactionBuffer::Read(uint64_t position, uint8_t* to, uint64_t count) noexcept {
  while (count > 0) {
    const auto in_page = static_cast<uint32_t>(position % kPageSize);
    const auto part = static_cast<uint32_t>(std::min<uint64_t>(count, kPageSize - in_page));
    if (!store_->Read(*pages_[position / kPageSize], in_page, to, part)) return false;
    to += part;
    position += part;
    count -= part;
  }
  return true;
}

std::shared_ptr<Batch> TransactionBuffer::Detach() {
  auto batch = std::make_shared<Batch>();
  // Where the page has room left, the next transaction goes on behind this batch.
  std::vector<PagePtr> rest;
  if (!pages_.empty() && at_ != end_) rest.push_back(pages_.back());
  batch->store = store_;
  batch->first_offset = first_offset_;
  batch->frames = mark_.frames;
  batch->size = mark_.size;
  batch->pages = std::move(pages_);
  pages_ = std::move(rest);
  mark_ = {};
  if (pages_.empty()) {
    first_offset_ = 0;
    at_ = end_ = nullptr;
  } else {
    first_offset_ = static_cast<uint32_t>(at_ - pages_.back()->memory());
  }
  return batch;
}

}  // namespace rowtap::capture
