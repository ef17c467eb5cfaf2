#include "testing/allocation_faults.h"

#include <atomic>

#include "sqlite3.h"

namespace rowtap::testing {
namespace {

sqlite3_mem_methods real;

// Negative once the fault has struck.
std::atomic<int64_t> passes_left{0};
std::atomic<bool> is_armed{false};
std::atomic<bool> strikes_on{false};
std::atomic<int64_t> asked{0};
std::atomic<int64_t> refused{0};
std::atomic<int64_t> held{0};

bool IsRefused() noexcept {
  asked++;
  if (!is_armed) return false;
  const int64_t left = passes_left--;
  if (left > 0 || (left < 0 && !strikes_on)) return false;
  refused++;
  return true;
}

void* Allocate(int size) {
  if (IsRefused()) return nullptr;
  void* memory = real.xMalloc(size);
  if (memory != nullptr) held++;
  return memory;
}

void Free(void* memory) {
  if (memory != nullptr) held--;
  real.xFree(memory);
}

// What SQLite asks to be moved it holds already.
void* Reallocate(void* memory, int size) {
  return IsRefused() ? nullptr : real.xRealloc(memory, size);
}

// SQLite takes another allocator only before it is used, and the addon uses it as soon as it loads: hence from a static object.
int Install() noexcept {
  if (const int code = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real); code != SQLITE_OK) return code;
  sqlite3_mem_methods methods = real;
  methods.xMalloc = Allocate;
  methods.xFree = Free;
  methods.xRealloc = Reallocate;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
[[maybe_unused]] const int installed = Install();

}  // namespace

void FailAllocation(int64_t passes, bool is_persistent) noexcept {
  passes_left = passes;
  strikes_on = is_persistent;
  is_armed = true;
}

void ClearAllocationFaults() noexcept {
  is_armed = false;
  asked = refused = 0;
}

AllocationCounts CountAllocations() noexcept {
  return {asked, refused, held};
}

}  // namespace rowtap::testing
