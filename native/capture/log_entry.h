// How a transaction lies in the log: the rows of `_rowtap_log`, which any process, any version of the tables, and any later life of the
// file reads again. Numbers are little-endian wherever the file is read.
//
// A row: id = LSN << kPartBits | part, the time in Unix milliseconds, and an entry. A large transaction is cut into parts, in order, so
// that nobody needs its memory at once. An entry is a header, frames, packed (what a frame has in common with the one before it is left
// out), and the tables that were met in this part first: the number that frames name each by, and the row of `_rowtap_schema` that
// describes it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "capture/frame.h"

namespace rowtap::capture {

inline constexpr char kLogTable[] = "_rowtap_log";
inline constexpr char kSchemaTable[] = "_rowtap_schema";

inline constexpr int kPartBits = 11;
inline constexpr uint32_t kMaxParts = 1u << kPartBits;

inline constexpr int64_t kMaxLsn = INT64_MAX >> kPartBits;

inline constexpr int64_t LogRowid(int64_t lsn, uint32_t part) {
  return lsn << kPartBits | part;
}
inline constexpr int64_t LsnOfRowid(int64_t rowid) {
  return rowid >> kPartBits;
}
inline constexpr uint32_t PartOfRowid(int64_t rowid) {
  return static_cast<uint32_t>(rowid & (kMaxParts - 1));
}

enum LogEntryFlag : uint32_t {
  kFirstPart = 1,
  kLastPart = 2,
};

struct LogEntryHeader {
  uint32_t flags = 0;
  uint32_t frames = 0;  // of the whole transaction; 0: a commit of which nothing is delivered
  // All commits to the file that have been counted, this one included: by those who keep the log, and, in front of the gap that tells of
  // them, by others.
  uint64_t commits = 0;
  uint64_t counter = 0;       // rowtap_commit_counter as this commit has found it
  int64_t previous_lsn = 0;   // of the entry before it; its own where the log begins with it
  uint64_t bytes_before = 0;  // of all entries that were ever written before it
  uint32_t tables = 0;        // how many stand at the end
  uint32_t packed_size = 0;   // of its frames, where they have been compressed (LZ4); 0: they have not
};
inline constexpr uint32_t kLogHeaderSize = 64;

struct LogTable {
  uint32_t id;          // as the frames have it
  int64_t description;  // row of _rowtap_schema
};
inline constexpr uint32_t kLogTableSize = 12;

// `entry` has room for the header. Its checksum covers all of the entry, and where it stands.
void SealLogEntry(std::span<uint8_t> entry, const LogEntryHeader& header, int64_t rowid, int64_t time_ms) noexcept;
// Of the header alone, where no more is at hand; false where these are not the first bytes of an entry.
bool ReadLogHeader(std::span<const uint8_t> bytes, LogEntryHeader& header) noexcept;
// False where it is damaged.
bool CheckLogEntry(std::span<const uint8_t> entry, int64_t rowid, int64_t time_ms, LogEntryHeader& header) noexcept;

// A row's record: NULL for the id, the time, the entry. Writes what stands before the entry, so that it ends at `end`; returns its size, at
// most kMaxRecordHead.
inline constexpr size_t kMaxRecordHead = 16;
size_t PutRecordHead(uint8_t* end, int64_t time_ms, uint64_t entry_size) noexcept;
// Finds the entry in the first bytes of a record. False: they are not of such a record.
bool GetRecordHead(std::span<const uint8_t> record, int64_t& time_ms, size_t& entry_at) noexcept;

void PutLogTable(uint8_t* to, const LogTable& table) noexcept;
LogTable GetLogTable(const uint8_t* from) noexcept;

// Names a table's description; never negative.
int64_t HashDescription(std::span<const uint8_t> description) noexcept;

// Packs one frame after another. May throw std::bad_alloc.
class FramePacker {
 public:
  void Pack(const uint8_t* frame, std::vector<uint8_t>& to);

 private:
  uint32_t table_id_ = 0;
  int64_t rowid_ = 0;
};

// The other way. A frame that contradicts itself is refused: where the checksum is right, that is an entry of an unknown make.
class FrameUnpacker {
 public:
  struct Frame {
    FrameHeader header;  // frame_size is what it will take
    std::span<const uint8_t> before;
    // What `after` consists of: bytes of `before`, bytes of its own, bytes of `before`.
    uint32_t prefix = 0;
    std::span<const uint8_t> middle;
    uint32_t suffix = 0;

    // `to` has room for frame_size bytes.
    void Write(uint8_t* to) const noexcept;
  };

  // Takes the next frame off the front of `packed`. False: it is no frame.
  bool Unpack(std::span<const uint8_t>& packed, Frame& frame) noexcept;

 private:
  uint32_t table_id_ = 0;
  int64_t rowid_ = 0;
};

}  // namespace rowtap::capture
