#include "sys.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace kerneltest {

long Sys(long result) { return result < 0 ? -errno : result; }

std::string Err(long result) {
  if (result >= 0) return "OK";
  const char* name = strerrorname_np(static_cast<int>(-result));
  return name != nullptr ? name : std::to_string(result);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = other.Release();
  }
  return *this;
}

int Fd::Release() { return std::exchange(fd_, -1); }

void Fd::Close() {
  if (fd_ >= 0) close(Release());
}

long Must(long result, const std::string& what) {
  if (result < 0) throw std::runtime_error(what + ": " + Err(result));
  return result;
}

Fd Open(const std::string& path, int flags, mode_t mode) {
  return Fd(Must(Sys(open(path.c_str(), flags | O_CLOEXEC, mode)), "open " + path));
}

Fd OpenAt(int dir, const std::string& path, int flags) {
  return Fd(Must(Sys(openat(dir, path.c_str(), flags | O_CLOEXEC, 0644)), "openat " + path));
}

Fd OpenDevNull() { return Open("/dev/null", O_RDWR); }

long TryOpen(const std::string& path, int flags) { return TryOpenAt(AT_FDCWD, path, flags); }

long TryOpenAt(int dir, const std::string& path, int flags) {
  const long fd = Sys(openat(dir, path.c_str(), flags | O_CLOEXEC, 0644));
  if (fd < 0) return fd;
  close(static_cast<int>(fd));
  return 0;
}

long OpenAt2(int dir, const std::string& path, uint64_t flags, uint64_t resolve) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return Sys(syscall(SYS_openat2, dir, path.c_str(), &how, sizeof(how)));
}

void WriteFile(const std::string& path, const std::string& content, mode_t mode) {
  Fd fd = Open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  Must(WriteAt(fd.get(), content), "write " + path);
  Must(Sys(fchmod(fd.get(), mode)), "chmod " + path);
}

std::string ReadFile(const std::string& path) { return ReadFd(Open(path, O_RDONLY).get()); }

std::string ReadFd(int fd) {
  std::string content(4096, '\0');
  const long size = Must(Sys(pread(fd, content.data(), content.size(), 0)), "pread");
  content.resize(static_cast<size_t>(size));
  return content;
}

long WriteAt(int fd, const std::string& data, off_t offset) {
  return Sys(pwrite(fd, data.data(), data.size(), offset));
}

mode_t ModeOf(const std::string& path) {
  struct stat attributes = {};
  Must(Sys(stat(path.c_str(), &attributes)), "stat " + path);
  return attributes.st_mode & 07777;
}

namespace {

// A message of one byte, with room for one fd.
struct FdMessage {
  FdMessage() {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
  }
  char byte = 'x';
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
};

}  // namespace

long SendFd(int socket, int fd) {
  FdMessage message;
  cmsghdr* const passed = CMSG_FIRSTHDR(&message.header);
  passed->cmsg_len = CMSG_LEN(sizeof(int));
  passed->cmsg_level = SOL_SOCKET;
  passed->cmsg_type = SCM_RIGHTS;
  memcpy(CMSG_DATA(passed), &fd, sizeof(fd));
  const long sent = Sys(sendmsg(socket, &message.header, MSG_NOSIGNAL));
  return sent < 0 ? sent : 0;
}

long ReceiveFd(int socket) {
  FdMessage message;
  const long received = Sys(recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC));
  if (received < 0) return received;
  const cmsghdr* const passed = CMSG_FIRSTHDR(&message.header);
  if (passed == nullptr || passed->cmsg_type != SCM_RIGHTS) return -ENOENT;
  int fd = -1;
  memcpy(&fd, CMSG_DATA(passed), sizeof(fd));
  return fd;
}

bool Eventually(const std::function<bool()>& done, int milliseconds) {
  for (int waited = 0; waited < milliseconds; waited += 5) {
    if (done()) return true;
    Sleep(5);
  }
  return done();
}

void Sleep(int milliseconds) {
  timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1'000'000L};
  while (nanosleep(&pause, &pause) < 0 && errno == EINTR) {
  }
}

bool KernelAtLeast(int major, int minor) {
  utsname name = {};
  int have_major = 0;
  int have_minor = 0;
  if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &have_major, &have_minor) != 2)
    return false;
  return std::pair(have_major, have_minor) >= std::pair(major, minor);
}

}  // namespace kerneltest
