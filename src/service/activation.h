// Being started by a service manager with the socket in hand: sd_listen_fds(3).
#pragma once

#include <string>
#include <vector>

#include "os/fd.h"

namespace sluice::service {

inline constexpr int kFirstGivenFd = 3;  // SD_LISTEN_FDS_START

// What a service stores of a view is named so, and by the view's number behind it.
inline constexpr char kStoredName[] = "view-";

// How many descriptors the manager says that it has given; 0: it says nothing that makes sense.
int given_count();

// What --listen-fds serves. The option says so, and not the environment alone: that is inherited by
// whatever a process starts, and whoever can set it would otherwise decide who may ask for views.
struct Given {
  os::Fd socket;
  struct Stored {  // what the service before this one left with the manager
    std::string name;
    os::Fd fd;
  };
  std::vector<Stored> stored;  // unchecked (service/store.h)
  std::string wrong;  // what is, where there is no socket
};
// Exactly one socket, meant for this process, and the kernel says that it is one to listen at. Behind it what was stored,
// whatever its names are only with `store`.
Given given_listener(bool store);

}  // namespace sluice::service
