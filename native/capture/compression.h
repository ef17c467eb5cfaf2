// LZ4 (https://github.com/lz4/lz4) for the log: it costs less than the pages that it saves.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace rowtap::capture {

// Keeps its tables between calls, since clearing them costs more than compressing a small transaction. May throw std::bad_alloc.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // Empty where it would not pay. Valid until the next call.
  std::span<const uint8_t> Compress(std::span<const uint8_t> bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::vector<uint8_t> compressed_;
};

// False where these are not the compressed form of exactly that many bytes. May throw std::bad_alloc.
bool Decompress(std::span<const uint8_t> compressed, uint32_t size, std::vector<uint8_t>& bytes);

}  // namespace rowtap::capture
