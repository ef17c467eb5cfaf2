// Which file a connection has open, however its path was spelt.
#pragma once

#include <string>

#include "sqlite3.h"

namespace rowtap::capture {

// By device and inode, read without opening the file: closing a descriptor on it would drop the locks of every connection of the process
// (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_). Empty for an in-memory or
// temporary database. Throws std::bad_alloc.
std::string FileKey(sqlite3* db, const char* schema);

}  // namespace rowtap::capture
