// SQLite's allocator, which fails when a test tells it to. In the test build only, where SQLite allocates through it from the start.
//
// It lies over the default one. Faults are process-wide, as SQLite's allocator is.
#pragma once

#include <cstdint>

namespace rowtap::testing {

// So many allocations still succeed; the one after them fails, and where `is_persistent` all that follow. Takes the place of an earlier
// fault.
void FailAllocation(int64_t passes, bool is_persistent) noexcept;

// Takes the fault back and sets the counts of what was asked for and refused to zero.
void ClearAllocationFaults() noexcept;

struct AllocationCounts {
  int64_t asked;    // allocations and reallocations since ClearAllocationFaults
  int64_t refused;  // those of them that failed because of a fault
  int64_t held;     // allocations that have not been freed, since the program began
};
AllocationCounts CountAllocations() noexcept;

}  // namespace rowtap::testing
