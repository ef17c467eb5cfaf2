#include "capture/log_entry.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace rowtap::capture {

namespace {

constexpr uint32_t kMagic = 0x014c5452;  // "RTL" and the version

// Where the header's fields lie.
constexpr size_t kMagicAt = 0;
constexpr size_t kFlagsAt = 4;
constexpr size_t kChecksumAt = 8;
constexpr size_t kCommitsAt = 16;
constexpr size_t kCounterAt = 24;
constexpr size_t kPreviousAt = 32;
constexpr size_t kBytesBeforeAt = 40;
constexpr size_t kFramesAt = 48;
constexpr size_t kTablesAt = 52;
constexpr size_t kPackedSizeAt = 56;

template <typename T>
T Swapped(T value) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    return value;
  } else {
    T swapped = 0;
    for (size_t i = 0; i < sizeof(T); i++) swapped = static_cast<T>(swapped << 8) | static_cast<T>((value >> (8 * i)) & 0xff);
    return swapped;
  }
}
template <typename T>
void Put(uint8_t* to, T value) noexcept {
  value = Swapped(value);
  std::memcpy(to, &value, sizeof value);
}
template <typename T>
T Get(const uint8_t* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return Swapped(value);
}

// A multiplication spreads every bit upwards, the rotation brings what came up down again. Two lanes, since one would wait for itself.
constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
uint64_t Mix(uint64_t hash, uint64_t word) noexcept {
  return std::rotl((hash ^ word) * kFactor, 29);
}
uint64_t Hash(std::span<const uint8_t> bytes, uint64_t seed) noexcept {
  uint64_t a = seed ^ kFactor;
  uint64_t b = ~seed;
  size_t at = 0;
  for (; at + 16 <= bytes.size(); at += 16) {
    a = Mix(a, Get<uint64_t>(bytes.data() + at));
    b = Mix(b, Get<uint64_t>(bytes.data() + at + 8));
  }
  for (; at < bytes.size(); at++) a = Mix(a, bytes[at]);
  uint64_t hash = Mix(Mix(a, b), bytes.size());
  hash = Mix(hash, hash >> 32);
  return hash ^ hash >> 32;
}

uint64_t Checksum(std::span<const uint8_t> entry, int64_t rowid, int64_t time_ms) noexcept {
  const uint64_t place = Mix(static_cast<uint64_t>(rowid), static_cast<uint64_t>(time_ms)) ^ Get<uint32_t>(entry.data() + kFlagsAt);
  return Hash(entry.subspan(kCommitsAt), place);
}

// The first byte of a packed frame.
constexpr uint8_t kOpBits = 7;
constexpr uint8_t kIsIndirect = 1 << 3;
constexpr uint8_t kIsSameTable = 1 << 4;
constexpr uint8_t kIsNextRowid = 1 << 5;
constexpr uint8_t kIsRowidChanged = 1 << 6;
constexpr uint8_t kIsOther = 1 << 7;  // a reason follows

void PutNumber(std::vector<uint8_t>& to, uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<uint8_t>(value | 0x80));
  to.push_back(static_cast<uint8_t>(value));
}
// Small for small numbers of either sign.
void PutDifference(std::vector<uint8_t>& to, int64_t from, int64_t value) {
  const uint64_t difference = static_cast<uint64_t>(value) - static_cast<uint64_t>(from);
  PutNumber(to, difference << 1 ^ (difference >> 63 == 0 ? 0 : ~uint64_t{0}));
}
void PutBytes(std::vector<uint8_t>& to, const uint8_t* bytes, size_t size) {
  to.insert(to.end(), bytes, bytes + size);
}

bool GetNumber(std::span<const uint8_t>& from, uint64_t& value) noexcept {
  value = 0;
  for (size_t at = 0; at < from.size() && at < 10; at++) {
    value |= uint64_t{from[at] & 0x7fu} << (7 * at);
    if (from[at] < 0x80) {
      from = from.subspan(at + 1);
      return true;
    }
  }
  return false;
}
bool GetSize(std::span<const uint8_t>& from, uint32_t& size) noexcept {
  uint64_t value;
  if (!GetNumber(from, value) || value > INT32_MAX) return false;
  size = static_cast<uint32_t>(value);
  return true;
}
bool GetDifference(std::span<const uint8_t>& from, int64_t base, int64_t& value) noexcept {
  uint64_t difference;
  if (!GetNumber(from, difference)) return false;
  difference = difference >> 1 ^ ((difference & 1) == 0 ? 0 : ~uint64_t{0});
  value = static_cast<int64_t>(static_cast<uint64_t>(base) + difference);
  return true;
}
bool GetBytes(std::span<const uint8_t>& from, size_t size, std::span<const uint8_t>& bytes) noexcept {
  if (size > from.size()) return false;
  bytes = from.first(size);
  from = from.subspan(size);
  return true;
}

size_t CommonPrefix(const uint8_t* a, const uint8_t* b, size_t size) noexcept {
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    const uint64_t difference = Get<uint64_t>(a + at) ^ Get<uint64_t>(b + at);
    if (difference != 0) return at + static_cast<size_t>(std::countr_zero(difference)) / 8;
  }
  while (at < size && a[at] == b[at]) at++;
  return at;
}
size_t CommonSuffix(const uint8_t* a_end, const uint8_t* b_end, size_t size) noexcept {
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    const uint64_t difference = Get<uint64_t>(a_end - at - 8) ^ Get<uint64_t>(b_end - at - 8);
    if (difference != 0) return at + static_cast<size_t>(std::countl_zero(difference)) / 8;
  }
  while (at < size && *(a_end - at - 1) == *(b_end - at - 1)) at++;
  return at;
}

bool HasBefore(uint8_t op) noexcept {
  return op == static_cast<uint8_t>(FrameOp::kUpdate) || op == static_cast<uint8_t>(FrameOp::kDelete);
}
bool HasAfter(uint8_t op) noexcept {
  return op != static_cast<uint8_t>(FrameOp::kDelete) && op != static_cast<uint8_t>(FrameOp::kGap);
}

}  // namespace

void SealLogEntry(std::span<uint8_t> entry, const LogEntryHeader& header, int64_t rowid, int64_t time_ms) noexcept {
  uint8_t* const to = entry.data();
  std::memset(to, 0, kLogHeaderSize);
  Put(to + kMagicAt, kMagic);
  Put(to + kFlagsAt, header.flags);
  Put(to + kCommitsAt, header.commits);
  Put(to + kCounterAt, header.counter);
  Put(to + kPreviousAt, header.previous_lsn);
  Put(to + kBytesBeforeAt, header.bytes_before);
  Put(to + kFramesAt, header.frames);
  Put(to + kTablesAt, header.tables);
  Put(to + kPackedSizeAt, header.packed_size);
  Put(to + kChecksumAt, Checksum(entry, rowid, time_ms));
}

bool ReadLogHeader(std::span<const uint8_t> bytes, LogEntryHeader& header) noexcept {
  if (bytes.size() < kLogHeaderSize || Get<uint32_t>(bytes.data() + kMagicAt) != kMagic) return false;
  header.flags = Get<uint32_t>(bytes.data() + kFlagsAt);
  header.commits = Get<uint64_t>(bytes.data() + kCommitsAt);
  header.counter = Get<uint64_t>(bytes.data() + kCounterAt);
  header.previous_lsn = Get<int64_t>(bytes.data() + kPreviousAt);
  header.bytes_before = Get<uint64_t>(bytes.data() + kBytesBeforeAt);
  header.frames = Get<uint32_t>(bytes.data() + kFramesAt);
  header.tables = Get<uint32_t>(bytes.data() + kTablesAt);
  header.packed_size = Get<uint32_t>(bytes.data() + kPackedSizeAt);
  return true;
}

bool CheckLogEntry(std::span<const uint8_t> entry, int64_t rowid, int64_t time_ms, LogEntryHeader& header) noexcept {
  if (!ReadLogHeader(entry, header)) return false;
  if (header.tables > (entry.size() - kLogHeaderSize) / kLogTableSize) return false;
  return Get<uint64_t>(entry.data() + kChecksumAt) == Checksum(entry, rowid, time_ms);
}

// https://www.sqlite.org/fileformat2.html#record_format: numbers have their high byte first.
size_t PutRecordHead(uint8_t* end, int64_t time_ms, uint64_t entry_size) noexcept {
  constexpr uint8_t kIntegerOf8Bytes = 6;
  uint8_t* to = end;
  for (int i = 0; i < 8; i++) *--to = static_cast<uint8_t>(static_cast<uint64_t>(time_ms) >> (8 * i));
  uint64_t type = entry_size * 2 + 12;
  *--to = static_cast<uint8_t>(type & 0x7f);
  for (type >>= 7; type > 0; type >>= 7) *--to = static_cast<uint8_t>(type | 0x80);
  *--to = kIntegerOf8Bytes;
  *--to = 0;
  const size_t header_size = static_cast<size_t>(end - to) - 8 + 1;
  *--to = static_cast<uint8_t>(header_size);
  return static_cast<size_t>(end - to);
}

bool GetRecordHead(std::span<const uint8_t> record, int64_t& time_ms, size_t& entry_at) noexcept {
  // Of the time, by its type.
  constexpr std::array<size_t, 10> kSizes = {0, 1, 2, 3, 4, 6, 8, 0, 0, 0};
  if (record.size() < 4) return false;
  const size_t header_size = record[0];
  const uint8_t time_type = record[2];
  if (header_size < 4 || header_size > 12 || record[1] != 0 || time_type >= kSizes.size() || kSizes[time_type] == 0) return false;
  entry_at = header_size + kSizes[time_type];
  if (entry_at > record.size()) return false;
  uint64_t time = (record[header_size] & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (size_t at = header_size; at < entry_at; at++) time = time << 8 | record[at];
  time_ms = static_cast<int64_t>(time);
  return true;
}

void PutLogTable(uint8_t* to, const LogTable& table) noexcept {
  Put(to, table.id);
  Put(to + 4, table.description);
}
LogTable GetLogTable(const uint8_t* from) noexcept {
  return {Get<uint32_t>(from), Get<int64_t>(from + 4)};
}

int64_t HashDescription(std::span<const uint8_t> description) noexcept {
  return static_cast<int64_t>(Hash(description, 0) >> 1);
}

void FramePacker::Pack(const uint8_t* frame, std::vector<uint8_t>& to) {
  FrameHeader header;
  std::memcpy(&header, frame, kHeaderSize);
  const uint8_t* const before = frame + kHeaderSize;
  const uint8_t* const after = before + header.before_size;
  const bool is_same_table = header.table_id == table_id_;
  const bool is_next_rowid = static_cast<uint64_t>(header.rowid_before) == static_cast<uint64_t>(rowid_) + 1;
  const bool is_rowid_changed = header.rowid_after != header.rowid_before;

  uint8_t tag = header.op & kOpBits;
  if (header.flags & kIndirect) tag |= kIsIndirect;
  if (is_same_table) tag |= kIsSameTable;
  if (is_next_rowid) tag |= kIsNextRowid;
  if (is_rowid_changed) tag |= kIsRowidChanged;
  if (header.reason != 0) tag |= kIsOther;
  to.push_back(tag);
  if (header.reason != 0) PutNumber(to, header.reason);
  if (!is_same_table) PutNumber(to, header.table_id);
  if (!is_next_rowid) PutDifference(to, rowid_, header.rowid_before);
  if (is_rowid_changed) PutDifference(to, header.rowid_before, header.rowid_after);
  if (HasBefore(header.op)) PutNumber(to, header.before_size);
  if (HasAfter(header.op)) PutNumber(to, header.after_size);
  if (!HasBefore(header.op)) {
    PutBytes(to, after, header.after_size);
  } else {
    PutBytes(to, before, header.before_size);
    if (HasAfter(header.op)) {
      const size_t shorter = std::min(header.before_size, header.after_size);
      const size_t prefix = CommonPrefix(before, after, shorter);
      const size_t suffix = CommonSuffix(after, after + header.after_size, shorter - prefix);
      PutNumber(to, prefix);
      PutNumber(to, suffix);
      PutBytes(to, after + prefix, header.after_size - prefix - suffix);
    }
  }
  table_id_ = header.table_id;
  rowid_ = header.rowid_before;
}

bool FrameUnpacker::Unpack(std::span<const uint8_t>& packed, Frame& frame) noexcept {
  if (packed.empty()) return false;
  const uint8_t tag = packed[0];
  packed = packed.subspan(1);
  frame = {};
  FrameHeader& header = frame.header;
  header.op = tag & kOpBits;
  if (header.op == 0 || header.op == static_cast<uint8_t>(FrameOp::kBatch)) return false;
  header.flags = (tag & kIsIndirect) != 0 ? kIndirect : 0;
  if (uint64_t reason = 0; (tag & kIsOther) != 0) {
    if (!GetNumber(packed, reason) || reason > UINT16_MAX) return false;
    header.reason = static_cast<uint16_t>(reason);
  }
  header.table_id = table_id_;
  if (uint64_t id = 0; (tag & kIsSameTable) == 0) {
    if (!GetNumber(packed, id) || id > UINT32_MAX) return false;
    header.table_id = static_cast<uint32_t>(id);
  }
  header.rowid_before = static_cast<int64_t>(static_cast<uint64_t>(rowid_) + 1);
  if ((tag & kIsNextRowid) == 0 && !GetDifference(packed, rowid_, header.rowid_before)) return false;
  header.rowid_after = header.rowid_before;
  if ((tag & kIsRowidChanged) != 0 && !GetDifference(packed, header.rowid_before, header.rowid_after)) return false;
  if (HasBefore(header.op) && !GetSize(packed, header.before_size)) return false;
  if (HasAfter(header.op) && !GetSize(packed, header.after_size)) return false;
  if (!GetBytes(packed, header.before_size, frame.before)) return false;
  if (HasBefore(header.op) && HasAfter(header.op)) {
    if (!GetSize(packed, frame.prefix) || !GetSize(packed, frame.suffix)) return false;
    const uint64_t shared = uint64_t{frame.prefix} + frame.suffix;
    if (shared > header.before_size || shared > header.after_size) return false;
    if (!GetBytes(packed, header.after_size - shared, frame.middle)) return false;
  } else if (!GetBytes(packed, header.after_size, frame.middle)) {
    return false;
  }
  const uint64_t size = FrameSize(header.before_size, header.after_size);
  if (size > UINT32_MAX) return false;
  header.frame_size = static_cast<uint32_t>(size);
  table_id_ = header.table_id;
  rowid_ = header.rowid_before;
  return true;
}

void FrameUnpacker::Frame::Write(uint8_t* to) const noexcept {
  const auto append = [&to](const uint8_t* bytes, size_t size) {
    if (size != 0) std::memcpy(to, bytes, size);
    to += size;
  };
  // Zeros over the padding.
  std::memset(to + header.frame_size - 8, 0, 8);
  append(reinterpret_cast<const uint8_t*>(&header), kHeaderSize);
  append(before.data(), before.size());
  append(before.data(), prefix);
  append(middle.data(), middle.size());
  append(before.data() + before.size() - suffix, suffix);
}

}  // namespace rowtap::capture
