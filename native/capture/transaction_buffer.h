// Where the changes of an open transaction wait.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "capture/batch.h"
#include "capture/frame.h"
#include "capture/page_store.h"

namespace rowtap::capture {

// A run of frames that can be cut back to any earlier mark. Owned by one Capture, used in its connection's thread.
//
// Its life: frames are begun and ended in hooks; a failed statement or ROLLBACK TO rewinds; at the end the frames are moved out as a batch,
// or cleared. The next transaction goes on in the same page, behind the batch, so that small transactions share one.
class TransactionBuffer {
 public:
  struct Mark {
    uint64_t size = 0;
    uint32_t frames = 0;
  };

  explicit TransactionBuffer(std::shared_ptr<PageStore> store) noexcept : store_(std::move(store)) {}

  Mark mark() const noexcept { return mark_; }

  // Memory for one frame of that size (a multiple of 8), to be filled before EndFrame. Null: no memory, and nothing has changed.
  uint8_t* BeginFrame(uint64_t size) noexcept {
    frame_size_ = size;
    is_in_scratch_ = static_cast<uint64_t>(end_ - at_) < size;
    return is_in_scratch_ ? BeginInScratch() : at_;
  }
  // Appends it. False: no memory, and nothing has changed, unless the buffer has been given up.
  bool EndFrame() noexcept {
    if (is_in_scratch_) {
      if (!EndInScratch()) return false;
    } else {
      at_ += frame_size_;
    }
    mark_.size += frame_size_;
    mark_.frames++;
    return true;
  }

  // Drops what came after the mark. False: a spilled page could not be read back; the buffer is then to be given up.
  bool RewindTo(Mark mark) noexcept;
  void Clear() noexcept;
  // Lets go of everything, and goes on counting frames until Clear.
  void GiveUp() noexcept;
  bool is_given_up() const noexcept { return is_given_up_; }
  void CountFrame() noexcept { mark_.frames++; }
  // The frame at `offset`, 0 or the end of another one: where it lies, or a copy of it in `scratch` where it is cut up or spilled. Null:
  // the spill file could not be read. Throws std::bad_alloc.
  const uint8_t* FrameAt(uint64_t offset, std::vector<uint8_t>& scratch);
  // Moves the frames out. Throws std::bad_alloc, and then nothing has changed.
  std::shared_ptr<Batch> Detach();

 private:
  uint8_t* BeginInScratch() noexcept;
  bool EndInScratch() noexcept;
  bool MoveTo(Mark mark) noexcept;
  bool Read(uint64_t position, uint8_t* to, uint64_t count) noexcept;

  const std::shared_ptr<PageStore> store_;
  std::vector<PagePtr> pages_;
  uint32_t first_offset_ = 0;  // in the first page; what lies before belongs to earlier batches
  Mark mark_;
  uint8_t* at_ = nullptr;  // where the next frame goes, and the end of that page
  uint8_t* end_ = nullptr;
  uint64_t frame_size_ = 0;
  std::vector<uint8_t> scratch_;  // a frame that does not fit in the rest of its page, until it is cut up
  bool is_in_scratch_ = false;
  bool is_given_up_ = false;
};

}  // namespace rowtap::capture
