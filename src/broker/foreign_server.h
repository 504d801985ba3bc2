// One channel between the server of a foreign connection and a thread of its broker.
#pragma once

#include "broker/events.h"
#include "broker/foreign_grants.h"
#include "wire/backing_message.h"

namespace sluice::broker {

class ForeignServer {
 public:
  // channel, grants, events: borrowed. domain: what this thread's Landlock domain is.
  ForeignServer(int channel, ForeignDomain domain, ForeignGrants& grants, Events& events)
      : channel_(channel), domain_(domain), grants_(grants), events_(events) {}

  // Serves until the other end is closed or breaks the protocol.
  void run();

 private:
  wire::BackingReply answer(const wire::BackingRequest& request, os::Fd file);

  const int channel_;
  const ForeignDomain domain_;
  ForeignGrants& grants_;
  Events& events_;
};

}  // namespace sluice::broker
