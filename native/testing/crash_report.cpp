#include "testing/crash_report.h"

#if __has_include(<execinfo.h>) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ROWTAP_CRASH_REPORT 1
#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <initializer_list>
#endif

namespace rowtap::testing {

#ifdef ROWTAP_CRASH_REPORT

namespace {

// Only what may be called in a signal handler: no allocation, no stdio.
void WriteText(const char* text) {
  if (write(STDERR_FILENO, text, std::strlen(text)) < 0) return;
}

void Report(int signal_number) {
  WriteText("\nrowtap's addon is loaded in a process that crashed by signal ");
  const char digits[] = {static_cast<char>('0' + signal_number / 10), static_cast<char>('0' + signal_number % 10), '\n', '\0'};
  WriteText(digits);
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
  // The handler is gone (SA_RESETHAND): this time it ends the process, as it would have.
  raise(signal_number);
}

}  // namespace

void InstallCrashReport() {
  // What backtrace needs is loaded here, as it must not be in the handler.
  void* frame[1];
  backtrace(frame, 1);
  struct sigaction action {};
  action.sa_handler = Report;
  action.sa_flags = SA_RESETHAND | SA_NODEFER;
  for (const int signal_number : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE}) sigaction(signal_number, &action, nullptr);
}

#else

void InstallCrashReport() {}

#endif

}  // namespace rowtap::testing
