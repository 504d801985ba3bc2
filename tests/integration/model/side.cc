#include "tests/integration/model/side.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sluice::model {

Side::Side(const std::string& path)
    : path_(path), root_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (root_ < 0) {
    std::perror(path.c_str());
    std::exit(2);
  }
  files_.fill(-1);
  directories_.fill(-1);
}

Side::~Side() {
  for (int i = 0; i < kMappings; ++i) unmap(i);
  for (int i = 0; i < kFiles; ++i) set_file(i, -1);
  for (int i = 0; i < kDirectories; ++i) set_directory(i, -1);
  ::close(root_);
}

void Side::set_file(int slot, int fd) {
  const int before = std::exchange(files_[static_cast<size_t>(slot)], fd);
  if (before >= 0) ::close(before);
}

void Side::set_directory(int slot, int fd) {
  const int before = std::exchange(directories_[static_cast<size_t>(slot)], fd);
  if (before >= 0) ::close(before);
}

void Side::unmap(int slot) {
  Mapping& mapping = mappings_[static_cast<size_t>(slot)];
  if (mapping.start != nullptr) ::munmap(mapping.start, mapping.length);
  if (mapping.file >= 0) ::close(mapping.file);
  mapping = Mapping();
}

}  // namespace sluice::model
