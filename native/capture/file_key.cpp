#include "capture/file_key.h"

#include <sys/stat.h>

namespace rowtap::capture {

std::string PathKey(const char* path) {
  struct stat file;
  if (stat(path, &file) != 0) return {};
  return "file:" + std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino);
}

std::string FileKey(sqlite3* db, const char* schema) {
  const char* path = sqlite3_db_filename(db, schema);
  if (path == nullptr || *path == 0) return {};
  std::string key = PathKey(path);
  return key.empty() ? std::string("path:") + path : key;
}

bool IsFileOf(sqlite3* db, const char* schema, const std::string& key) {
  const char* path = sqlite3_db_filename(db, schema);
  if (path == nullptr || *path == 0) return false;
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    if (PathKey((std::string(path) + suffix).c_str()) == key) return true;
  }
  return false;
}

}  // namespace rowtap::capture
