#include "capture/batch.h"

#include <cstring>

#include "capture/frame.h"
#include "capture/record.h"

namespace rowtap::capture {

int64_t ReadFrames(const Batch& batch, uint64_t offset, uint8_t* to, uint64_t capacity) noexcept {
  if (offset >= batch.size) return 0;
  if (capacity < kHeaderSize) return -static_cast<int64_t>(kHeaderSize);
  const uint64_t available = std::min(capacity, batch.size - offset);
  if (!batch.Read(offset, to, available)) return kReadFailed;
  uint64_t at = 0;
  while (available - at >= kHeaderSize) {
    FrameHeader header;
    std::memcpy(&header, to + at, kHeaderSize);
    if (header.frame_size > available - at) {
      if (at == 0) return -static_cast<int64_t>(header.frame_size);
      break;
    }
    if (header.op != static_cast<uint8_t>(FrameOp::kSchema)) {
      const uint8_t* records = to + at + kHeaderSize;
      if ((header.before_size == 0 || IsTextAscii({records, header.before_size})) &&
          (header.after_size == 0 || IsTextAscii({records + header.before_size, header.after_size}))) {
        to[at + offsetof(FrameHeader, flags)] = header.flags | kAscii;
      }
    }
    at += header.frame_size;
  }
  return static_cast<int64_t>(at);
}

}  // namespace rowtap::capture
