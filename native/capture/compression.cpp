#include "capture/compression.h"

#define LZ4_STATIC_LINKING_ONLY
#include "lz4.h"

namespace rowtap::capture {

namespace {

// Less than this fits beside others in a page, compressed or not.
constexpr size_t kMinBytes = 128;

}  // namespace

struct Compressor::State {
  LZ4_stream_t stream;
};

Compressor::Compressor() = default;
Compressor::~Compressor() = default;

std::span<const uint8_t> Compressor::Compress(std::span<const uint8_t> bytes) {
  if (bytes.size() < kMinBytes || bytes.size() > LZ4_MAX_INPUT_SIZE) return {};
  if (state_ == nullptr) {
    state_ = std::make_unique<State>();
    LZ4_initStream(&state_->stream, sizeof state_->stream);
  }
  // One eighth less at least: what does not fit there is given up early.
  const size_t worth = bytes.size() - bytes.size() / 8;
  if (compressed_.size() < worth) compressed_.resize(worth);
  const int size = LZ4_compress_fast_extState_fastReset(&state_->stream, reinterpret_cast<const char*>(bytes.data()),
                                                        reinterpret_cast<char*>(compressed_.data()), static_cast<int>(bytes.size()),
                                                        static_cast<int>(worth), 1);
  return {compressed_.data(), static_cast<size_t>(size > 0 ? size : 0)};
}

bool Decompress(std::span<const uint8_t> compressed, uint32_t size, std::vector<uint8_t>& bytes) {
  // A byte of LZ4 stands for 255 at most: what says more takes no memory.
  if (compressed.size() > INT32_MAX || size > INT32_MAX || size / 255 > compressed.size()) return false;
  bytes.resize(size);
  return LZ4_decompress_safe(reinterpret_cast<const char*>(compressed.data()), reinterpret_cast<char*>(bytes.data()),
                             static_cast<int>(compressed.size()), static_cast<int>(size)) == static_cast<int>(size);
}

}  // namespace rowtap::capture
