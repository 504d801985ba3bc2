// Being started by a service manager with the socket in hand: sd_listen_fds(3).
#pragma once

#include <string>

#include "os/fd.h"

namespace sluice::service {

inline constexpr int kFirstGivenFd = 3;  // SD_LISTEN_FDS_START

// What --listen-fds serves. The option says so, and not the environment alone: that is inherited by
// whatever a process starts, and whoever can set it would otherwise decide who may ask for views.
struct Given {
  os::Fd socket;
  std::string wrong;  // what is, where there is none
};
// Exactly one socket, meant for this process, and the kernel says that it is one to listen at.
Given given_listener();

}  // namespace sluice::service
