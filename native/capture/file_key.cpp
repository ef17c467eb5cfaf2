#include "capture/file_key.h"

#include <sys/stat.h>

namespace rowtap::capture {

std::string FileKey(sqlite3* db, const char* schema) {
  const char* path = sqlite3_db_filename(db, schema);
  struct stat file;
  if (path == nullptr || *path == 0) return {};
  if (stat(path, &file) != 0) return std::string("path:") + path;
  return "file:" + std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino);
}

}  // namespace rowtap::capture
