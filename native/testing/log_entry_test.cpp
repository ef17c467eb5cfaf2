// What the log's entries are made of comes out as it went in; what is damaged is found, and read no further than it goes.
#include "capture/log_entry.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "capture/compression.h"
#include "testing/check.h"

namespace {

using namespace rowtap::capture;
using rowtap::testing::Check;
using Bytes = std::vector<uint8_t>;

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint64_t Below(uint64_t end) { return std::uniform_int_distribution<uint64_t>(0, end - 1)(engine_); }
  Bytes Some(size_t size, uint64_t values = 256) {
    Bytes bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Below(values));
    return bytes;
  }
  // Small, just around where a number takes a byte more, or anything.
  int64_t Rowid() {
    constexpr std::array<int64_t, 9> kSpecial = {
        0, 1, -1, 63, 64, -65, int64_t{1} << 32, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
    const uint64_t kind = Below(12);
    if (kind < kSpecial.size()) return kSpecial[kind];
    return static_cast<int64_t>(kind == 9 ? Below(100000) : engine_());
  }
  size_t Size() {
    constexpr std::array<size_t, 8> kSizes = {0, 1, 7, 8, 127, 128, 300, 20000};
    return kSizes[Below(kSizes.size())];
  }

 private:
  std::mt19937_64 engine_;
};

// In memory of its own size, so that a sanitizer sees what reads behind it.
struct Exact {
  explicit Exact(std::span<const uint8_t> from) : size(from.size()), bytes(new uint8_t[from.size()]) {
    std::copy(from.begin(), from.end(), bytes.get());
  }
  std::span<const uint8_t> span() const { return {bytes.get(), size}; }
  size_t size;
  std::unique_ptr<uint8_t[]> bytes;
};

// What an update leaves of a row: its ends mostly.
Bytes Changed(Random& random, Bytes bytes) {
  switch (random.Below(4)) {
    case 0:
      return bytes;
    case 1:
      return random.Some(random.Size());
    default: {
      const size_t from = random.Below(bytes.size() + 1);
      const size_t to = from + random.Below(bytes.size() - from + 1);
      const Bytes middle = random.Some(random.Below(30), 3);
      bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(from), bytes.begin() + static_cast<ptrdiff_t>(to));
      bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(from), middle.begin(), middle.end());
      return bytes;
    }
  }
}

Bytes RandomFrame(Random& random, uint32_t& table_id, int64_t& rowid) {
  constexpr std::array<FrameOp, 5> kOps = {FrameOp::kInsert, FrameOp::kUpdate, FrameOp::kDelete, FrameOp::kSchema, FrameOp::kGap};
  const FrameOp op = kOps[random.Below(kOps.size())];
  const bool has_before = op == FrameOp::kUpdate || op == FrameOp::kDelete;
  const bool has_after = op != FrameOp::kDelete && op != FrameOp::kGap;
  const Bytes before = has_before ? random.Some(random.Size(), 5) : Bytes();
  const Bytes after = !has_after ? Bytes() : has_before ? Changed(random, before) : random.Some(random.Size());
  if (random.Below(3) == 0) table_id = random.Below(4) == 0 ? UINT32_MAX : static_cast<uint32_t>(random.Below(300));
  rowid = random.Below(2) == 0 ? static_cast<int64_t>(static_cast<uint64_t>(rowid) + 1) : random.Rowid();
  FrameHeader header{};
  header.frame_size = static_cast<uint32_t>(FrameSize(before.size(), after.size()));
  header.op = static_cast<uint8_t>(op);
  header.flags = random.Below(2) == 0 ? kIndirect : 0;
  header.reason = op == FrameOp::kGap ? static_cast<uint16_t>(random.Below(3)) : 0;
  header.table_id = table_id;
  header.before_size = static_cast<uint32_t>(before.size());
  header.rowid_before = rowid;
  header.rowid_after = random.Below(3) == 0 ? random.Rowid() : rowid;
  header.after_size = static_cast<uint32_t>(after.size());
  Bytes frame(header.frame_size);
  std::memcpy(frame.data(), &header, kHeaderSize);
  std::copy(before.begin(), before.end(), frame.begin() + kHeaderSize);
  std::copy(after.begin(), after.end(), frame.begin() + kHeaderSize + static_cast<ptrdiff_t>(before.size()));
  return frame;
}

Bytes PackSome(Random& random, std::vector<Bytes>& frames) {
  uint32_t table_id = 0;
  int64_t rowid = 0;
  FramePacker packer;
  Bytes packed;
  for (uint64_t left = 1 + random.Below(30); left > 0; left--) {
    frames.push_back(RandomFrame(random, table_id, rowid));
    packer.Pack(frames.back().data(), packed);
  }
  return packed;
}

void CheckFramesRoundTrip(Random& random) {
  std::vector<Bytes> frames;
  const Exact packed(PackSome(random, frames));
  std::span<const uint8_t> left = packed.span();
  FrameUnpacker unpacker;
  for (const Bytes& frame : frames) {
    FrameUnpacker::Frame unpacked;
    Check(unpacker.Unpack(left, unpacked), "what was packed can be unpacked");
    Check(unpacked.header.frame_size == frame.size(), "a frame has its size again");
    Bytes written(frame.size(), 0xee);
    unpacked.Write(written.data());
    Check(written == frame, "a frame comes out as it went in");
  }
  Check(left.empty(), "nothing is left behind the last frame");
}

// Whatever it is told, it stays inside what it was given; a sanitizer watches.
void UnpackAnything(std::span<const uint8_t> bytes) {
  const Exact packed(bytes);
  std::span<const uint8_t> left = packed.span();
  FrameUnpacker unpacker;
  for (FrameUnpacker::Frame frame; !left.empty();) {
    const size_t size = left.size();
    if (!unpacker.Unpack(left, frame)) return;
    Check(left.size() < size, "each frame takes something");
    Check(frame.header.frame_size <= 2 * bytes.size() + kHeaderSize + 8, "a frame is not larger than what it is made of");
    Bytes written(frame.header.frame_size);
    frame.Write(written.data());
  }
}

void CheckGarbage(Random& random) {
  UnpackAnything(random.Some(random.Below(60)));
  std::vector<Bytes> frames;
  Bytes packed = PackSome(random, frames);
  UnpackAnything(std::span<const uint8_t>(packed).first(random.Below(packed.size())));
  for (int i = 0; i < 20; i++) {
    Bytes damaged = packed;
    damaged[random.Below(std::min<size_t>(damaged.size(), 200))] ^= static_cast<uint8_t>(1u << random.Below(8));
    UnpackAnything(damaged);
  }
}

LogEntryHeader RandomHeader(Random& random) {
  LogEntryHeader header;
  header.flags = static_cast<uint32_t>(random.Below(4));
  header.frames = static_cast<uint32_t>(random.Below(uint64_t{1} << 32));
  header.commits = static_cast<uint64_t>(random.Rowid());
  header.counter = static_cast<uint64_t>(random.Rowid());
  header.previous_lsn = random.Rowid();
  header.bytes_before = static_cast<uint64_t>(random.Rowid());
  header.packed_size = static_cast<uint32_t>(random.Below(uint64_t{1} << 32));
  return header;
}

bool IsSame(const LogEntryHeader& a, const LogEntryHeader& b) {
  return a.flags == b.flags && a.frames == b.frames && a.commits == b.commits && a.counter == b.counter &&
         a.previous_lsn == b.previous_lsn && a.bytes_before == b.bytes_before && a.tables == b.tables && a.packed_size == b.packed_size;
}

void CheckEntry(Random& random) {
  const int64_t rowid =
      LogRowid(static_cast<int64_t>(random.Below(static_cast<uint64_t>(kMaxLsn))), random.Below(2) == 0 ? 0 : kMaxParts - 1);
  const int64_t time_ms = random.Rowid();
  const auto tables = static_cast<uint32_t>(random.Below(4));
  Bytes entry = random.Some(kLogHeaderSize + random.Below(120) + tables * kLogTableSize);
  LogEntryHeader header = RandomHeader(random);
  header.tables = tables;
  SealLogEntry(entry, header, rowid, time_ms);
  LogEntryHeader read;
  Check(CheckLogEntry(Exact(entry).span(), rowid, time_ms, read) && IsSame(read, header), "an entry that was sealed is whole");
  for (size_t bit = 0; bit < entry.size() * 8; bit++) {
    Bytes damaged = entry;
    damaged[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    // What is not covered is not read.
    const bool is_found = !CheckLogEntry(Exact(damaged).span(), rowid, time_ms, read);
    Check(is_found || IsSame(read, header), "a flipped bit is found, or changes nothing");
    Check(is_found || bit / 8 < kLogHeaderSize, "a flipped bit of the changes is found");
  }
  for (size_t size = 0; size < entry.size(); size++) {
    Check(!CheckLogEntry(Exact(std::span<const uint8_t>(entry).first(size)).span(), rowid, time_ms, read), "an entry that is cut is found");
  }
  for (int bit = 0; bit < 63; bit++) {
    Check(!CheckLogEntry(entry, rowid ^ int64_t{1} << bit, time_ms, read), "an entry in another place is found");
    Check(!CheckLogEntry(entry, rowid, time_ms ^ int64_t{1} << bit, read), "an entry of another time is found");
  }
}

void CheckRecordHead(Random& random) {
  const int64_t time_ms = random.Rowid();
  const size_t entry_size = random.Below(2) == 0 ? random.Below(70) : size_t{1} << random.Below(21);
  Bytes record(kMaxRecordHead + entry_size);
  uint8_t* const entry = record.data() + kMaxRecordHead;
  const size_t size = PutRecordHead(entry, time_ms, entry_size);
  Check(size <= kMaxRecordHead, "a record's head has room");
  int64_t read_time_ms = 0;
  size_t entry_at = 0;
  Check(GetRecordHead({entry - size, size + entry_size}, read_time_ms, entry_at), "the head that was put is found");
  Check(read_time_ms == time_ms && entry_at == size, "and says what was put");
  const Exact garbage(random.Some(random.Below(kMaxRecordHead), 13));
  if (GetRecordHead(garbage.span(), read_time_ms, entry_at)) Check(entry_at <= garbage.size, "an entry begins within its record");
}

void CheckCompression(Random& random, Compressor& compressor) {
  const Bytes bytes = random.Some(random.Below(2) == 0 ? random.Below(400) : random.Below(300000), 1 + random.Below(256));
  const std::span<const uint8_t> kept = compressor.Compress(bytes);
  Bytes back;
  if (kept.empty()) return;
  Check(kept.size() < bytes.size(), "what pays is smaller");
  const Exact compressed(kept);
  const auto size = static_cast<uint32_t>(bytes.size());
  Check(Decompress(compressed.span(), size, back) && back == bytes, "what was compressed comes out as it went in");
  Check(!Decompress(compressed.span(), size + 1, back) && !Decompress(compressed.span(), size - 1, back), "of another size it is refused");
  Check(!Decompress(compressed.span().first(compressed.size - 1), size, back), "and where it is cut");
  Check(!Decompress(compressed.span(), UINT32_MAX, back), "what can't be its size takes no memory");
  Bytes damaged(kept.begin(), kept.end());
  damaged[random.Below(damaged.size())] ^= static_cast<uint8_t>(1u << random.Below(8));
  Decompress(Exact(damaged).span(), size, back);
  Decompress(Exact(random.Some(random.Below(100))).span(), static_cast<uint32_t>(random.Below(25000)), back);
}

}  // namespace

int main() {
  Random random(rowtap::testing::Seed());
  Compressor compressor;
  for (int round = 0; round < 300; round++) {
    CheckFramesRoundTrip(random);
    CheckGarbage(random);
    CheckRecordHead(random);
    CheckCompression(random, compressor);
    if (round % 10 == 0) CheckEntry(random);
  }
}
