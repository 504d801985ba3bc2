// One channel between the worker and a thread of the broker.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/events.h"
#include "broker/grants.h"
#include "broker/names.h"
#include "wire/broker_message.h"

namespace sluice::broker {

class Server {
 public:
  // channel: borrowed. domain: what this thread's Landlock domain is.
  Server(int channel, Domain domain, const View& view, Rulebook& book, Grants& grants, Events& events)
      : channel_(channel), domain_(domain), view_(view), book_(book), grants_(grants), names_(view, book),
        events_(events) {}

  // Serves until the worker closes the channel or breaks the protocol. With a lifeline (borrowed), also
  // until its other end is closed, and takes other rules from there.
  void run(int lifeline = -1);

 private:
  core::Outcome take_rules(int service);
  wire::BrokerReply answer(const wire::DecodedRequest& request);
  core::Outcome carry_out(const wire::DecodedRequest& request, wire::BrokerReply& reply);
  core::Outcome open(const wire::DecodedRequest& request, wire::BrokerReply& reply);
  core::Outcome read_window(const wire::BrokerRequest& request);
  core::Outcome open_temp(const wire::DecodedRequest& request, wire::BrokerReply& reply);
  core::Outcome change(os::Target target, const wire::BrokerRequest& request);
  // What a grant is, to the worker, and the first time to the service.
  void tell(const Granted& granted, wire::BrokerOp op, std::string_view path, wire::BrokerReply& reply);

  int channel_;
  Domain domain_;
  const View& view_;
  Rulebook& book_;
  Grants& grants_;
  Names names_;
  Events& events_;
  std::vector<uint8_t> window_;  // a reply to the kernel; of the thread that may block
};

}  // namespace sluice::broker
