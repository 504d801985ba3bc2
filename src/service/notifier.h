// Telling the service manager that started this service how it does: sd_notify(3).
//
// A datagram of text, so these are own lines: libsystemd would bring its libraries, compressors
// among them, into a process that is root with all capabilities when it starts.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "os/fd.h"

namespace sluice::service {

class Notifier {
 public:
  // Before confinement: afterwards no socket can be made. Says nothing to nobody where the
  // environment names no socket; where it names one that is not there, that is logged.
  static Notifier from_environment();
  // One that is a keeper (service/keeper.h): it only keeps, and lets go.
  static Notifier of_keeper(os::Fd socket);

  // Lines such as "READY=1". Never waits; false: it was not taken, so that it may be said again.
  bool say(std::string_view lines) const;
  // Whether there is a manager.
  explicit operator bool() const { return static_cast<bool>(socket_); }

  // The same: the manager is to keep a descriptor (borrowed) under this name for the service after this one, whatever
  // becomes of this process; or to let go of what it has under it. name: without ':' and control characters.
  bool keep(std::string_view name, int descriptor) const;
  bool let_go(std::string_view name) const;
  int socket() const { return socket_.get(); }

  // How often the manager wants to hear of this process, in milliseconds, half of its limit
  // already; 0: not at all.
  int64_t watchdog_milliseconds() const { return watchdog_milliseconds_; }

 private:
  bool send(std::string_view lines, std::span<const int> descriptors) const;

  os::Fd socket_;  // connected: nothing can be sent anywhere else through it
  int64_t watchdog_milliseconds_ = 0;
};

}  // namespace sluice::service
