#include "worker/broker_link.h"

#include <cerrno>

#include "os/channel.h"
#include "wire/broker_request_writer.h"

namespace sluice::worker {
namespace {

constexpr core::Failure kGone{EIO, core::Reason::kChildFailed};

}  // namespace

core::Result<wire::BrokerReply> BrokerLink::ask(const wire::BrokerRequest& request,
                                                std::string_view path, std::string_view second) {
  uint8_t message[wire::kBrokerRequestMost];
  const size_t length = wire::encode_request(request, path, second, message);
  if (length == 0) return core::Failure{ENAMETOOLONG, core::Reason::kPathMalformed};
  if (!os::write_message(channel_, {message, length}).ok()) return kGone;
  wire::BrokerReply reply;
  auto got = os::read_message(channel_, {reinterpret_cast<uint8_t*>(&reply), sizeof(reply)});
  if (!got.ok() || *got != sizeof(reply)) return kGone;
  if (reply.error != 0) return core::Failure{reply.error, static_cast<core::Reason>(reply.reason)};
  return reply;
}

void BrokerLink::tell(const wire::BrokerRequest& request) {
  uint8_t message[sizeof(wire::BrokerRequest)];
  const size_t length = wire::encode_request(request, {}, {}, message);
  // A broker that is gone has nothing to be told.
  (void)os::write_message(channel_, {message, length});
}

}  // namespace sluice::worker
