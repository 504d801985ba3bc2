// A session of libsluice: the way from a server's /dev/fuse to its backing ids.
//
// In somebody else's process, by any of its threads. One request is in flight on each of the two channels to the
// broker; whoever finds a channel lost makes both anew.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/result.h"
#include "os/service_link.h"
#include "wire/backing_message.h"

namespace sluice::client {

inline constexpr size_t kMostSocketBytes = 108;

// What the service gives: the two channels to a broker, and the connection where it has made that.
struct Welcome {
  os::Fd read_only, read_write;
  os::Fd device, mount;
};
// A connection that the service makes; waits for one that is busy, for a second.
core::Result<Welcome> have_connection_made(const char* socket);

class Session {
 public:
  // device: consumed. socket: shorter than kMostSocketBytes, copied. welcome: the channels, where they are there.
  Session(os::Fd device, const char* socket, Welcome welcome = {});
  bool ok() const { return fork_mark_.ok(); }

  // As sluice_backing_open() and sluice_backing_close() are described in <sluice/sluice.h>.
  core::Result<int> open(int file);
  core::Outcome close(int backing_id);
  // Whether the broker that gave the id is there, as far as can be told: sluice_backing_valid().
  bool valid(int backing_id);

 private:
  enum class Way : uint32_t { kUnknown, kKernel, kBroker };
  struct Channel {
    os::Mutex mutex;
    os::Fd socket;
    uint32_t spins_paid = 4;  // how much the last answers speak for waiting for one awake
    uint32_t asked = 0;
  };

  // Makes what a fork has copied this process's own.
  void look_for_fork();
  bool kernel_may_be_asked();
  core::Result<int> ask(Channel& channel, const wire::BackingRequest& request, int file);
  core::Result<int> exchange(Channel& channel, const wire::BackingRequest& request, int file);
  // Unless somebody has since the channels were of this generation.
  core::Outcome connect(uint32_t generation, int64_t deadline);
  core::Failure give_up(core::Failure why);
  void note_given(int backing_id);

  const os::Fd device_;
  char socket_[kMostSocketBytes];
  os::ForkMark fork_mark_;
  std::atomic<Way> way_{Way::kUnknown};
  std::atomic<bool> mounted_{false};

  Channel read_only_, read_write_;
  os::Mutex connecting_;  // before those of the channels, and only for as long as channels are made
  std::atomic<uint32_t> generation_{0};
  // Ids of a connection go up (tests/kernel Backing.IdsGoUp). The latest that a broker gave, and the latest of brokers
  // that were lost: up to that one all have ended. 0: none.
  std::atomic<int32_t> latest_{0}, ended_{0};
  // Of whoever has both channels' mutexes.
  bool was_connected_ = false;
  bool patient_ = true;  // a service that may be restarting is waited for, once
  uint32_t failures_ = 0;
  int64_t not_before_ = 0;
  core::Failure last_failure_{0, core::Reason::kNone};
};

}  // namespace sluice::client
