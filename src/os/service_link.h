// The calls of libsluice, which runs in somebody else's process: none of them waits for ever, raises a signal,
// or is cut short by one, and none allocates.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <span>

#include "os/fd.h"

namespace sluice::os {

// On the clock that only goes forward.
int64_t nanoseconds_now();
void sleep_nanoseconds(int64_t time);

// A SOCK_SEQPACKET connection; EAGAIN instead of a wait where too many others wait.
core::Result<Fd> connect_now(const char* path);
// fd (< 0: none) is borrowed, and goes along.
core::Outcome send_packet(int socket, std::span<const uint8_t> bytes, int fd = -1);
inline constexpr size_t kMostPacketFds = 4;
struct Packet {
  size_t length;  // 0: the other end has closed
  Fd fds[kMostPacketFds];
};
// Asks again and again until `spin`, then sleeps until the deadline: ETIMEDOUT. EPROTO: it was cut short, or more
// descriptors came than there are places for.
core::Result<Packet> receive_packet(int socket, std::span<uint8_t> buffer, int64_t spin, int64_t deadline);

// Whether the other end has closed.
bool other_end_closed(int socket);

// A duplicate of the descriptor that no program keeps over exec.
core::Result<Fd> duplicate_privately(int fd);
// O_RDONLY and so on; asks no filesystem.
core::Result<int> access_mode(int fd);
// Whether an ioctl on this /dev/fuse could wait for a mount that never comes: it is not mounted, and the kernel
// is one that has such a state (FUSE_DEV_IOC_SYNC_INIT, Linux 6.18).
bool ioctl_may_wait(int device);

// SLUICE_SOCKET, where the environment is the user's own; null: not set.
const char* socket_in_environment();

class Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() { ::pthread_mutex_lock(&mutex_); }
  void unlock() { ::pthread_mutex_unlock(&mutex_); }
  // In a process that was forked from one where somebody else may have held it.
  void forget() { mutex_ = PTHREAD_MUTEX_INITIALIZER; }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

class MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Nobody cancels this thread between a request and its answer (pthread_cancel).
class Uncancelled {
 public:
  Uncancelled() { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~Uncancelled() { ::pthread_setcancelstate(before_, nullptr); }
  Uncancelled(const Uncancelled&) = delete;
  Uncancelled& operator=(const Uncancelled&) = delete;

 private:
  int before_;
};

// Tells a process from the one that it was forked from, by whatever call (MADV_WIPEONFORK, Linux 4.14).
class ForkMark {
 public:
  ForkMark();
  ~ForkMark();
  ForkMark(const ForkMark&) = delete;
  ForkMark& operator=(const ForkMark&) = delete;
  bool ok() const { return word_ != nullptr; }

  // True for one thread of a process that was forked since: it makes the session its own, and says done(). The
  // others wait for that.
  bool begin();
  void done();

 private:
  std::atomic<uint32_t>* word_;
};

}  // namespace sluice::os
