// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/result.h"

namespace sluice::os {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// The errno of the call that just failed.
inline core::Failure failure() { return {errno, core::Reason::kSystem}; }

inline core::Result<Fd> checked_fd(long fd) {
  if (fd < 0) return failure();
  return Fd(static_cast<int>(fd));
}

inline core::Outcome checked(long result) {
  if (result < 0) return failure();
  return core::Done{};
}

}  // namespace sluice::os
