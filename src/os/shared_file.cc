#include "os/shared_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::os {

core::Result<Fd> sealed_file(const char* name, std::span<const uint8_t> content) {
  auto file = checked_fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.ok()) return file;
  if (::pwrite(file->get(), content.data(), content.size(), 0) !=
      static_cast<ssize_t>(content.size())) {
    return failure();
  }
  if (::fcntl(file->get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
    return failure();
  }
  return file;
}

core::Result<std::pair<Fd, Fd>> record_pipe(size_t size) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return failure();
  std::pair<Fd, Fd> pipe{Fd(ends[0]), Fd(ends[1])};
  if (::fcntl(ends[1], F_SETPIPE_SZ, size) < 0 || ::fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0) {
    return failure();
  }
  return pipe;
}

bool is_pipe(int fd) {
  struct stat stat;
  return ::fstat(fd, &stat) == 0 && S_ISFIFO(stat.st_mode);
}

core::Result<Fd> counter_file(const char* name, size_t size) {
  auto file = checked_fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.ok()) return file;
  if (::ftruncate(file->get(), static_cast<off_t>(size)) < 0 ||
      ::fcntl(file->get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
    return failure();
  }
  return file;
}

void unmap_counters(void* address, size_t size) { ::munmap(address, size); }

}  // namespace sluice::os
