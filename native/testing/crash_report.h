// Where a process has crashed, told before it ends: a test runner sees of its worker only that it is gone.
#pragma once

namespace rowtap::testing {

// From now on a signal that ends the process for an error of its own (SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE) writes its number and the
// stack of its thread to stderr first. Addresses within the addon are offsets that addr2line reads. Twice is fine; does nothing where a
// sanitizer tells it better, or where the system can't walk a stack.
void InstallCrashReport();

}  // namespace rowtap::testing
