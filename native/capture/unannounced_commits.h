// Commits of ours that no hook announces: VACUUM's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rowtap::capture {

// SQLite counts the commits of everybody in 32 bits that go round; the upper half of a count names the journal mode it belongs to.
inline uint64_t NextCount(uint64_t count) noexcept {
  return (count & 0xffffffff00000000u) | static_cast<uint32_t>(count + 1);
}

// A VACUUM commits within its step, and which count was its own is known only when that has ended; others may commit in between. What they
// then find counted is taken for the VACUUM's while one runs, and held against it when it has ended. Allocates nothing; the hub's lock
// guards it.
class UnannouncedCommits {
 public:
  void Begin() noexcept { running_++; }

  // One has ended, and left that count; 0 where it failed. False: something was taken for a VACUUM's that was none.
  bool End(uint64_t count) noexcept {
    running_--;
    if (count != 0 && !assumed_.Remove(count)) known_.Add(count);
    if (assumed_.size() <= running_) return true;
    assumed_.RemoveOldest();
    return false;
  }

  // Whether nothing but such commits lies between two counts.
  bool Explain(uint64_t known, uint64_t found) noexcept {
    Counts assumed;
    for (uint64_t count = NextCount(known);; count = NextCount(count)) {
      if (!known_.Has(count) && !assumed_.Has(count)) {
        if (assumed_.size() + assumed.size() >= running_) return false;
        assumed.Add(count);
      }
      if (count == found) break;
    }
    assumed_.AddAll(assumed);
    return true;
  }

 private:
  // The newest few. An older one that is forgotten is a gap that was none, never a gap that is not told.
  class Counts {
   public:
    size_t size() const noexcept { return size_; }
    bool Has(uint64_t count) const noexcept { return Find(count) < size_; }
    void Add(uint64_t count) noexcept {
      if (Has(count)) return;
      if (size_ == counts_.size()) RemoveOldest();
      counts_[size_++] = count;
    }
    void AddAll(const Counts& others) noexcept {
      for (size_t i = 0; i < others.size_; i++) Add(others.counts_[i]);
    }
    bool Remove(uint64_t count) noexcept {
      const size_t at = Find(count);
      if (at == size_) return false;
      RemoveAt(at);
      return true;
    }
    void RemoveOldest() noexcept { RemoveAt(0); }

   private:
    size_t Find(uint64_t count) const noexcept {
      size_t at = 0;
      while (at < size_ && counts_[at] != count) at++;
      return at;
    }
    void RemoveAt(size_t at) noexcept {
      size_--;
      for (; at < size_; at++) counts_[at] = counts_[at + 1];
    }

    std::array<uint64_t, 8> counts_{};
    size_t size_ = 0;
  };

  size_t running_ = 0;
  Counts known_;    // of those that have ended
  Counts assumed_;  // of running ones, perhaps
};

}  // namespace rowtap::capture
