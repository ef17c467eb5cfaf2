// The layout in which changes wait for their reader, and in which JavaScript reads them. lib/decode/frames.ts is its other half;
// a test compares the two through the addon's `frameLayout`.
//
// A frame is a header of kHeaderSize bytes, then the record as it was (`before`), then the record as it is (`after`), then zeros up
// to a multiple of 8. Records are in SQLite's record format (https://www.sqlite.org/fileformat2.html#record_format), text in UTF-8,
// complete: a row stored before a column was added has been filled up with the column's default. Numbers are in the machine's order.
#pragma once

#include <cstdint>

namespace rowtap::capture {

enum class FrameOp : uint8_t {
  kInsert = 1,
  kUpdate = 2,
  kDelete = 3,
  kRow = 4,     // a row of a snapshot; `after` holds it
  kSchema = 5,  // `after` holds JSON {"change","table","sql"}; table_id describes the table, 0 for a drop
  kGap = 7,     // changes may be missing before this place: `reason`
  kBatch = 6,   // begins a batch: rowid_before is its LSN, rowid_after its time in ms, table_id its number of frames
};

enum FrameFlag : uint8_t {
  kIndirect = 1,  // made by a trigger or a foreign-key action
  kAscii = 2,     // every text of both records is ASCII; set when the frame is read
};

enum class GapReason : uint16_t { kExternalWriter = 0, kLogPruned = 1, kHistoryChanged = 2 };

struct FrameHeader {
  uint32_t frame_size;  // header, records and padding
  uint8_t op;
  uint8_t flags;
  uint16_t reason;  // of a gap
  uint32_t table_id;
  uint32_t before_size;
  int64_t rowid_before;  // 0 in WITHOUT ROWID tables
  int64_t rowid_after;
  uint32_t after_size;
  uint32_t reserved2;
};

inline constexpr uint32_t kHeaderSize = sizeof(FrameHeader);
static_assert(kHeaderSize == 40);

inline constexpr uint64_t FrameSize(uint64_t before_size, uint64_t after_size) {
  return (kHeaderSize + before_size + after_size + 7) & ~uint64_t{7};
}

}  // namespace rowtap::capture
