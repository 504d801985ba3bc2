// The worker's side of its three channels to the broker.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"
#include "wire/broker_message.h"

namespace sluice::worker {

class BrokerLink {
 public:
  // channel: borrowed. One thread uses it.
  explicit BrokerLink(int channel) : channel_(channel) {}

  // Waits for the answer. The failure is the broker's verdict; EIO where it is gone.
  core::Result<wire::BrokerReply> ask(const wire::BrokerRequest& request, std::string_view path = {},
                                      std::string_view second = {});
  // For the requests without an answer.
  void tell(const wire::BrokerRequest& request);

 private:
  int channel_;
};

}  // namespace sluice::worker
