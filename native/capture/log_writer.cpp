#include "capture/log_writer.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "capture/hub.h"
#include "capture/record.h"
#include "sqlite/internals.h"

namespace rowtap::capture {

namespace {

// A part is put into the table when it has grown to this, so that no more is ever held in memory; larger where there would be too many.
constexpr uint64_t kPartBytes = 256 * 1024;
// What SQLite takes as one value, as it comes: https://www.sqlite.org/limits.html
constexpr size_t kMaxRecordBytes = 1'000'000'000;

}  // namespace

int LogWriter::Open(bool& has_log) noexcept {
  const int code = FindLog(borrowed_db_, roots_);
  has_log = roots_.has_log();
  return code;
}

int LogWriter::ReadTail(LogTail& tail) noexcept {
  for (;;) {
    if (const int code = ReadLogTail(borrowed_db_, roots_, tail_); code != SQLITE_OK) return code;
    if (first_rowid_ == 0 || tail_.rowid < first_rowid_) break;
    if (const int code = rowtap_delete_row(borrowed_db_, roots_.log, tail_.rowid); code != SQLITE_OK) return code;
  }
  first_rowid_ = 0;
  if (last_rowid_ == 0 || tail_.rowid != last_rowid_) era_++;
  tail = tail_;
  return SQLITE_OK;
}

int LogWriter::WriteTransaction(const Entry& entry, TransactionBuffer& buffer, Hub& hub) noexcept {
  try {
    if (const int code = Begin(entry, buffer.mark().frames); code != SQLITE_OK) return code;
    if (const int code = PackFrames(entry, buffer, hub); code != SQLITE_OK) return code;
    return PutPart(entry, true);
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
}

int LogWriter::WriteGap(const Entry& entry, GapReason reason) noexcept {
  try {
    if (const int code = Begin(entry, 1); code != SQLITE_OK) return code;
    FrameHeader gap{};
    gap.frame_size = kHeaderSize;
    gap.op = static_cast<uint8_t>(FrameOp::kGap);
    gap.reason = static_cast<uint16_t>(reason);
    FramePacker().Pack(reinterpret_cast<const uint8_t*>(&gap), bytes_);
    return PutPart(entry, true);
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
}

int LogWriter::Begin(const Entry& entry, uint32_t frames) {
  if (first_rowid_ == 0) first_rowid_ = LogRowid(entry.lsn, 0);
  header_ = {};
  header_.frames = frames;
  header_.commits = entry.commits;
  header_.counter = entry.counter;
  if (tail_.is_placeholder()) {
    if (const int code = rowtap_delete_row(borrowed_db_, roots_.log, tail_.rowid); code != SQLITE_OK) return code;
    header_.previous_lsn = tail_.header.previous_lsn;
    header_.bytes_before = tail_.header.bytes_before;
  } else {
    header_.previous_lsn = tail_.rowid == 0 ? entry.lsn : tail_.lsn();
    header_.bytes_before = tail_.header.bytes_before + tail_.size;
  }
  header_.flags = kFirstPart;
  part_ = 0;
  tables_.clear();
  StartPart();
  return SQLITE_OK;
}

void LogWriter::StartPart() {
  bytes_.resize(kMaxRecordHead + kLogHeaderSize);
  met_here_.clear();
}

int LogWriter::PackFrames(const Entry& entry, TransactionBuffer& buffer, Hub& hub) {
  FramePacker packer;
  const uint64_t size = buffer.mark().size;
  const uint64_t part_bytes = std::max(kPartBytes, size / (kMaxParts / 2));
  uint32_t last_table = 0;
  for (uint64_t offset = 0; offset < size;) {
    const uint8_t* frame = buffer.FrameAt(offset, scratch_);
    if (frame == nullptr) return SQLITE_IOERR_READ;
    FrameHeader header;
    std::memcpy(&header, frame, kHeaderSize);
    if (header.table_id != last_table) {
      last_table = header.table_id;
      if (last_table != 0) {
        if (const int code = EnsureDescribed(last_table, hub); code != SQLITE_OK) return code;
      }
    }
    packer.Pack(frame, bytes_);
    offset += header.frame_size;
    if (bytes_.size() < part_bytes || offset == size) continue;
    if (const int code = PutPart(entry, false); code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

int LogWriter::PutPart(const Entry& entry, bool is_last) {
  constexpr size_t kFramesAt = kMaxRecordHead + kLogHeaderSize;
  const std::span<const uint8_t> compressed = compressor_.Compress(std::span<const uint8_t>(bytes_).subspan(kFramesAt));
  header_.packed_size = 0;
  if (!compressed.empty()) {
    header_.packed_size = static_cast<uint32_t>(bytes_.size() - kFramesAt);
    bytes_.resize(kFramesAt + compressed.size());
    std::memcpy(bytes_.data() + kFramesAt, compressed.data(), compressed.size());
  }
  bytes_.insert(bytes_.end(), met_here_.begin(), met_here_.end());
  if (bytes_.size() > kMaxRecordBytes) return SQLITE_TOOBIG;
  header_.tables = static_cast<uint32_t>(met_here_.size() / kLogTableSize);
  if (is_last) header_.flags |= kLastPart;
  const int64_t rowid = LogRowid(entry.lsn, part_);
  const std::span<uint8_t> sealed(bytes_.data() + kMaxRecordHead, bytes_.size() - kMaxRecordHead);
  SealLogEntry(sealed, header_, rowid, entry.time_ms);
  const size_t head = PutRecordHead(sealed.data(), entry.time_ms, sealed.size());
  const auto size = static_cast<uint32_t>(head + sealed.size());
  if (const int code = rowtap_put_row(borrowed_db_, roots_.log, rowid, sealed.data() - head, size); code != SQLITE_OK) return code;
  tail_ = {rowid, header_, static_cast<uint32_t>(sealed.size()), true};
  last_rowid_ = rowid;
  header_.flags = 0;
  header_.bytes_before += sealed.size();
  part_++;
  // A row of many megabytes is rare: its memory is not kept.
  if (bytes_.capacity() > 4 * kPartBytes) std::vector<uint8_t>().swap(bytes_);
  if (!is_last) StartPart();
  return SQLITE_OK;
}

int LogWriter::EnsureDescribed(uint32_t table_id, Hub& hub) {
  if (std::ranges::find(tables_, table_id) != tables_.end()) return SQLITE_OK;
  tables_.push_back(table_id);
  int64_t row = 0;
  uint32_t size = 0;
  int code = SQLITE_NOTFOUND;
  if (const auto known = rows_.find(table_id); known != rows_.end()) {
    row = known->second.row;
    // Elsewhere it may have been rolled back, or somebody has put an older file in place of this one.
    code = known->second.era == era_ ? SQLITE_OK : rowtap_read_row(borrowed_db_, roots_.schema, row, nullptr, 0, &size);
  }
  if (code == SQLITE_NOTFOUND) code = Describe(hub.Describe(table_id), row);
  if (code != SQLITE_OK) return code;
  rows_[table_id] = {row, era_};
  const size_t at = met_here_.size();
  met_here_.resize(at + kLogTableSize);
  PutLogTable(met_here_.data() + at, {table_id, row});
  return SQLITE_OK;
}

int LogWriter::Describe(const std::string& description, int64_t& row) {
  RecordWriter writer;
  writer.AddNull();
  writer.AddBlob(description.data(), description.size());
  const std::span<const uint8_t> record = writer.Finish();
  row = HashDescription({reinterpret_cast<const uint8_t*>(description.data()), description.size()});
  // Two descriptions of one hash: the next row is the other's.
  for (std::vector<uint8_t> found(record.size());; row++) {
    uint32_t size = 0;
    const int code = rowtap_read_row(borrowed_db_, roots_.schema, row, found.data(), static_cast<uint32_t>(found.size()), &size);
    if (code == SQLITE_NOTFOUND) break;
    if (code != SQLITE_OK) return code;
    if (size == record.size() && std::ranges::equal(found, record)) return SQLITE_OK;
  }
  return rowtap_put_row(borrowed_db_, roots_.schema, row, record.data(), static_cast<uint32_t>(record.size()));
}

}  // namespace rowtap::capture
