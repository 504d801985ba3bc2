#include "os/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

namespace sluice::os {

core::Result<std::vector<uint8_t>> read_sealed_file(int fd, size_t most) {
  std::vector<uint8_t> content(most + 1);
  const ssize_t length = ::pread(fd, content.data(), content.size(), 0);
  if (length < 0) return failure();
  if (static_cast<size_t>(length) > most) return core::Failure{EFBIG, core::Reason::kProtocol};
  content.resize(static_cast<size_t>(length));
  return content;
}

void* map_counters(int fd, size_t size, bool writable) {
  void* address = ::mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
  return address == MAP_FAILED ? nullptr : address;
}

}  // namespace sluice::os
