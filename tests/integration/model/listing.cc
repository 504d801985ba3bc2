#include "tests/integration/model/listing.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace sluice::model {

std::vector<Listed> list_some(int fd, size_t buffer, int* error) {
  struct RawEntry {
    uint64_t ino;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[];
  };
  std::vector<Listed> entries;
  std::vector<uint64_t> memory(buffer / 8 + 1);
  const char* start = reinterpret_cast<const char*>(memory.data());
  const long got = ::syscall(SYS_getdents64, fd, memory.data(), buffer);
  *error = got < 0 ? errno : 0;
  for (long at = 0; at < got;) {
    const auto* entry = reinterpret_cast<const RawEntry*>(start + at);
    entries.push_back({entry->name, entry->type, entry->next});
    at += entry->length;
  }
  return entries;
}

Outcome list_all(int fd, size_t buffer) {
  std::vector<std::string> names;
  for (;;) {
    int error;
    const auto entries = list_some(fd, buffer, &error);
    if (error != 0) return {-1, error, {}};
    if (entries.empty()) break;
    for (const Listed& entry : entries) {
      names.push_back(escaped(entry.name) + ":" + std::to_string(entry.type));
    }
  }
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += name + " ";
  return {static_cast<int64_t>(names.size()), 0, std::move(all)};
}

}  // namespace sluice::model
