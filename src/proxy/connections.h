// The FUSE connections that a supervised server serves, each with its session of libsluice.
#pragma once

#include <sluice/sluice.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/fd.h"

namespace sluice::proxy {

struct CloseSession {
  void operator()(sluice_session* session) const { sluice_close(session); }
};
using Session = std::unique_ptr<sluice_session, CloseSession>;

class Connections {
 public:
  explicit Connections(std::string socket) : socket_(std::move(socket)) {}
  // One that the service has made for the server, which has not called yet.
  void add(os::Fd device, Session session);

  // The session of the connection that device (borrowed) serves. process: asked for the process whose end ends it, or
  // it would keep the mount alive for nobody. Which connection it is, the held descriptor says, never a number alone:
  // numbers are reused. kConnectionNotFuse, kConnectionNotMounted; kLimitConnections: of one supervisor.
  core::Result<sluice_session*> of(int device, const std::function<core::Result<os::Fd>()>& process);

  // In their order.
  const std::vector<int>& processes() const { return processes_; }
  // Of processes that have ended, by their place.
  void end(uint64_t places);

 private:
  struct Entry {
    os::Fd device;
    os::Fd process;   // none: nobody has called yet
    uint32_t number;  // 0: unknown, or not looked up yet
    Session session;
  };
  void forget(size_t place);

  std::string socket_;
  std::vector<Entry> entries_;
  std::vector<int> processes_;  // of entries_: borrowed from them
};

}  // namespace sluice::proxy
