#include "capture/reader.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "capture/frame.h"

namespace rowtap::capture {

uint64_t Reader::Lag() const noexcept {
  return pushed_ - std::max(read_, burst_end_);
}

void Reader::Begin(int64_t lsn) noexcept {
  const std::lock_guard lock(mutex_);
  if (!has_place_) start_lsn_ = read_lsn_ = lsn;
  has_place_ = true;
}

void Reader::BeginInLog(int64_t tail_lsn) noexcept {
  const std::lock_guard lock(mutex_);
  start_lsn_ = read_lsn_ = tail_lsn;
  has_place_ = true;
}

void Reader::Finish(ReaderState state) noexcept {
  if (state_ == ReaderState::kOpen) state_ = state;
}

void Reader::Push(const BatchPtr& batch) noexcept {
  News news = News::kForWhoWaits;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != ReaderState::kOpen) return;
    if (has_log_ && pushed_ - read_ > max_buffered_) Finish(ReaderState::kBehind);
    if (const uint64_t turn = waker_->turn(); turn != turn_) {
      turn_ = turn;
      can_burst_ = burst_end_ <= read_;
      if (!has_log_ && !is_held_ && Lag() > max_buffered_) Finish(ReaderState::kLaggard);
    }
    // Without a turn too, where all has been read: a thread in which nobody waits has few of them.
    if (pushed_ == read_) can_burst_ = true;
    if (state_ == ReaderState::kOpen) {
      try {
        batches_.push_back(batch);
        pushed_ += batch->size;
        if (!is_held_ && Lag() > max_buffered_) news = News::kForATurn;
        if (is_held_ || (can_burst_ && Lag() > max_buffered_)) burst_end_ = pushed_;
      } catch (const std::bad_alloc&) {
        Finish(has_log_ ? ReaderState::kBehind : ReaderState::kLost);
      }
    }
  }
  waker_->Notify(news);
}

void Reader::Feed(BatchPtr batch) {
  const std::lock_guard lock(mutex_);
  pushed_ += batch->size;
  batches_.push_back(std::move(batch));
}

void Reader::EndAs(ReaderState state) noexcept {
  {
    const std::lock_guard lock(mutex_);
    Finish(state);
  }
  waker_->Notify(News::kForWhoWaits);
}

int64_t Reader::Read(uint8_t* to, uint64_t capacity) noexcept {
  const std::lock_guard lock(mutex_);
  is_held_ = false;
  uint64_t written = 0;
  while (!batches_.empty()) {
    const Batch& batch = *batches_.front();
    if (!has_begun_) {
      if (capacity - written < kHeaderSize) break;
      FrameHeader header{};
      header.frame_size = kHeaderSize;
      header.op = static_cast<uint8_t>(FrameOp::kBatch);
      header.table_id = batch.frames;
      header.rowid_before = batch.lsn;
      header.rowid_after = batch.time_ms;
      std::memcpy(to + written, &header, kHeaderSize);
      written += kHeaderSize;
      has_begun_ = true;
      read_lsn_ = batch.lsn;
    }
    const int64_t count = ReadFrames(batch, offset_, to + written, capacity - written);
    if (count < 0) {
      if (count == kReadFailed) {
        Finish(ReaderState::kLost);
        state_ = ReaderState::kLost;
        batches_.clear();
      } else if (written == 0) {
        return count;
      }
      break;
    }
    written += static_cast<uint64_t>(count);
    offset_ += static_cast<uint64_t>(count);
    read_ += static_cast<uint64_t>(count);
    if (offset_ < batch.size) break;
    batches_.pop_front();
    offset_ = 0;
    has_begun_ = false;
  }
  return static_cast<int64_t>(written);
}

BatchPtr Reader::batch() noexcept {
  const std::lock_guard lock(mutex_);
  return has_begun_ && !batches_.empty() ? batches_.front() : nullptr;
}

void Reader::SkipBatch() noexcept {
  const std::lock_guard lock(mutex_);
  if (!has_begun_ || batches_.empty()) return;
  read_ += batches_.front()->size - offset_;
  batches_.pop_front();
  offset_ = 0;
  has_begun_ = false;
}

int64_t Reader::lsn() noexcept {
  const std::lock_guard lock(mutex_);
  return read_lsn_;
}

ReaderState Reader::state() noexcept {
  const std::lock_guard lock(mutex_);
  return state_;
}

Reader::Buffered Reader::buffered() noexcept {
  const std::lock_guard lock(mutex_);
  return {batches_.size(), pushed_ - read_};
}

void Reader::Close() noexcept {
  const std::lock_guard lock(mutex_);
  // Not swapped with an empty one: even that takes memory.
  batches_.clear();
  state_ = ReaderState::kClosed;
  offset_ = 0;
  has_begun_ = false;
}

}  // namespace rowtap::capture
