// Compares what is read from inside SQLite with what its public functions say.
#pragma once

#include <string>

namespace rowtap::capture {

// Run once when the addon loads, on a small in-memory database. Empty where all agrees; otherwise what does not. The addon then refuses to
// load: it would deliver wrong rows.
std::string SelfCheck() noexcept;

}  // namespace rowtap::capture
