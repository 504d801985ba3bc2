#include "os/memory_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::os {

core::Result<std::vector<uint8_t>> read_sealed_file(int fd, size_t most) {
  struct stat stat;
  if (::fstat(fd, &stat) < 0) return failure();
  if (static_cast<size_t>(stat.st_size) > most) return core::Failure{EFBIG, core::Reason::kProtocol};
  std::vector<uint8_t> content(static_cast<size_t>(stat.st_size));  // no more: a process keeps what it has touched once
  if (::pread(fd, content.data(), content.size(), 0) != stat.st_size) return core::Failure{EPROTO, core::Reason::kProtocol};
  return content;
}

void* map_counters(int fd, size_t size, bool writable) {
  void* address = ::mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
  return address == MAP_FAILED ? nullptr : address;
}

}  // namespace sluice::os
