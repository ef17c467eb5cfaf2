// What undoes the writes to one file since its last sync.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "sqlite3.h"

namespace rowtap::testing {

enum class Loss {
  kAll,  // nothing that was not synced is on the disk
  kSome  // a random part of it is
};

// Decides what of the unsynced is on the disk. Equal seeds, asked the same questions, give equal answers on every machine.
class Lots {
 public:
  Lots(Loss loss, uint64_t seed) : loss_(loss), random_(seed) {}

  // Of some files nearly everything survives, of others next to nothing: drawn anew for each.
  void TurnToNextFile();
  bool Survives();
  // What lies where a file has grown and its data has not arrived: zeros, or whatever the disk held.
  std::string Unwritten(size_t size);

 private:
  Loss loss_;
  std::mt19937_64 random_;
  uint64_t survivors_of_1024_ = 0;
};

class UnsyncedWrites {
 public:
  UnsyncedWrites(int64_t synced_size, int sector_bytes) : synced_size_(synced_size), sector_bytes_(sector_bytes) {}

  // Before these bytes of it are overwritten or cut off. Gives SQLite's code.
  int KeepBefore(sqlite3_file* borrowed_file, int64_t from, int64_t to);

  // What is on the disk of a file that now has this content.
  std::string Surviving(const std::string& content, Lots& lots) const;

 private:
  int64_t synced_size_;
  int sector_bytes_;
  // By their place in the file, the sectors touched since the sync as they were then: up to the synced size, so that what lies behind it
  // is empty.
  std::map<int64_t, std::string> sectors_before_;
};

}  // namespace rowtap::testing
