#include "tests/integration/model/attributes.h"

#include <sys/xattr.h>

#include <cstdio>
#include <map>
#include <vector>

#include "tests/integration/model/outcome.h"

namespace sluice::model {
namespace {

std::string time_in_words(const char* name, const struct timespec& time) {
  if (time.tv_sec > kOldest) return std::string(" ") + name + "=now";
  return std::string(" ") + name + "=" + std::to_string(time.tv_sec) + "." +
         std::to_string(time.tv_nsec);
}

}  // namespace

std::string in_words(const struct stat& stat) {
  char text[160];
  std::snprintf(text, sizeof(text),
                "mode=0%o nlink=%lu uid=%u gid=%u size=%ld rdev=%lx blksize=%ld", stat.st_mode,
                static_cast<unsigned long>(stat.st_nlink), stat.st_uid, stat.st_gid,
                static_cast<long>(stat.st_size), static_cast<unsigned long>(stat.st_rdev),
                static_cast<long>(stat.st_blksize));
  // The kernel serves a pipe itself, and tells no FUSE filesystem when it was written to.
  if (S_ISFIFO(stat.st_mode)) return text;
  return text + time_in_words("mtime", stat.st_mtim);
}

std::string access_time(const struct stat& stat) {
  return S_ISFIFO(stat.st_mode) ? std::string() : time_in_words("atime", stat.st_atim);
}

std::string attributes_in_words(const char* path) {
  std::vector<char> names(65536);
  const ssize_t length = ::llistxattr(path, names.data(), names.size());
  if (length < 0) return {};
  std::map<std::string, std::string> found;
  for (const char* name = names.data(); name < names.data() + length;) {
    const std::string key(name);
    name += key.size() + 1;
    if (key.rfind("user.", 0) != 0) continue;
    std::vector<char> value(65536);
    const ssize_t size = ::lgetxattr(path, key.c_str(), value.data(), value.size());
    found[key] = size < 0 ? "unreadable" : hex_hash({value.data(), static_cast<size_t>(size)});
  }
  std::string out;
  for (const auto& [key, value] : found) out += " " + escaped(key) + "=" + value;
  return out;
}

}  // namespace sluice::model
