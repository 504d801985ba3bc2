// Does a server's BACKING_OPEN and BACKING_CLOSE for it, through libsluice.
//
// The server may lie: its memory and its table of descriptors change at any time. What is acted on is what was
// fetched of them, while the kernel says that the call still waits. Nothing that the server could not ask of the
// service itself is asked for it.
#pragma once

#include <cstdint>

#include "os/notify.h"
#include "proxy/connections.h"

namespace sluice::proxy {

class Supervisor {
 public:
  // listener: of the server's filter.
  Supervisor(os::Fd listener, Connections connections)
      : listener_(std::move(listener)), connections_(std::move(connections)) {}

  // Until nobody is left who has the filter.
  core::Outcome run();

 private:
  void serve(const os::Notification& call);
  void open(const os::Notification& call, sluice_session* session, int thread);
  void close(const os::Notification& call, sluice_session* session);
  void go_on(const os::Notification& call) { (void)os::let_call_go_on(listener_.get(), call.id); }
  void complain(unsigned reason, int error);

  const os::Fd listener_;
  Connections connections_;
  uint64_t complained_ = 0;  // reasons that were said already
};

}  // namespace sluice::proxy
