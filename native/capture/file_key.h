// Which file a connection has open, however its path was spelt.
#pragma once

#include <string>

#include "sqlite3.h"

namespace rowtap::capture {

// Of what is at a path. By device and inode, read without opening the file: closing a descriptor on it would drop the locks of every
// connection of the process (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
// Empty where there is nothing. Throws std::bad_alloc.
std::string PathKey(const char* path);
// Of the file that an attached database is opened on. Empty for an in-memory or temporary one. Throws std::bad_alloc.
std::string FileKey(sqlite3* db, const char* schema);
// Whether it is that file's key, or one of the files that SQLite keeps beside it. Throws std::bad_alloc.
bool IsFileOf(sqlite3* db, const char* schema, const std::string& key);

}  // namespace rowtap::capture
