// The thinnest layer over the system calls that the contract tests use: an owned fd, results as
// one number, and errnos as names so that a failing test prints "EIO" and not -5.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace kerneltest {

// System calls newer than the headers of Debian 12; the numbers are those of every architecture.
inline constexpr long kSysFchmodat2 = 452;   // Linux 6.6
inline constexpr long kSysSetxattrat = 463;  // Linux 6.13
inline constexpr long kSysGetxattrat = 464;  // Linux 6.13

// What a call that returns -1 and sets errno did: its result, or -errno.
long Sys(long result);

// "OK" for a result of zero or more, otherwise the name of the errno.
std::string Err(long result);

class Fd {
 public:
  Fd() = default;
  explicit Fd(long fd) : fd_(static_cast<int>(fd)) {}
  Fd(Fd&& other) noexcept : fd_(other.Release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { Close(); }
  int get() const { return fd_; }
  int Release();
  void Close();

 private:
  int fd_ = -1;
};

// Throws std::runtime_error with `what` and the errno unless `result` (a Sys) is zero or more.
long Must(long result, const std::string& what);

Fd Open(const std::string& path, int flags, mode_t mode = 0644);  // throws; always O_CLOEXEC
Fd OpenAt(int dir, const std::string& path, int flags);           // throws; always O_CLOEXEC
Fd OpenDevNull();

// Opens and closes: zero, or -errno.
long TryOpen(const std::string& path, int flags);
long TryOpenAt(int dir, const std::string& path, int flags);

// openat2 with exactly these RESOLVE_ flags: an fd, or -errno.
long OpenAt2(int dir, const std::string& path, uint64_t flags, uint64_t resolve);

void WriteFile(const std::string& path, const std::string& content, mode_t mode = 0644);
std::string ReadFile(const std::string& path);
std::string ReadFd(int fd);                                       // from offset zero, by pread
long WriteAt(int fd, const std::string& data, off_t offset = 0);  // bytes, or -errno
mode_t ModeOf(const std::string& path);  // permission bits, S_ISUID and S_ISGID too

// One byte with an fd over a Unix socket: zero, or -errno.
long SendFd(int socket, int fd);
long ReceiveFd(int socket);  // an fd, -ENOENT for a message without one, or -errno

// Calls `done` every few milliseconds until it says true or the time is over; its last answer.
bool Eventually(const std::function<bool()>& done, int milliseconds = 15'000);
void Sleep(int milliseconds);

bool KernelAtLeast(int major, int minor);

}  // namespace kerneltest
