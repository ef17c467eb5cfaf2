// The little that the native tests need of a test framework.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <source_location>
#include <string_view>

namespace rowtap::testing {

// What the test is at, for the message of a claim that does not hold, or of a crash.
inline char context[200] = "";

// Ends the program with the place and `claim` where it does not hold.
inline void Check(bool holds, std::string_view claim, const std::source_location& where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: not so: %.*s%s%s\n", where.file_name(), static_cast<unsigned>(where.line()), static_cast<int>(claim.size()),
               claim.data(), *context == 0 ? "" : "; in: ", context);
  std::exit(1);
}

// From the environment variable ROWTAP_SEED, or another one at each run; printed, so that a failure can be repeated.
inline uint32_t Seed() {
  const char* given = std::getenv("ROWTAP_SEED");
  const uint32_t seed = given ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  std::printf("ROWTAP_SEED=%u\n", seed);
  return seed;
}

}  // namespace rowtap::testing
