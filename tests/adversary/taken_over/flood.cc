// More messages than anybody can read.
#include <ctime>

#include "os/channel.h"
#include "sandbox/fds.h"
#include "wire/broker_request_writer.h"
#include "worker.h"

namespace sluice::adversary {
namespace {

int64_t milliseconds() {
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

void flood(std::string_view whom) {
  const int64_t end = milliseconds() + 1000;
  if (whom == "log") {
    while (milliseconds() < end) say("flood");
    return;
  }
  // Requests whose answers nobody reads: in the end both sides wait, and stay so.
  say("flooding");
  wire::BrokerRequest request{};
  request.op = wire::BrokerOp::kStat;
  uint8_t message[wire::kBrokerRequestMost];
  const size_t length = wire::encode_request(request, {}, {}, message);
  const int channel = whom == "grants" ? sandbox::kFdGrantRw : sandbox::kFdData;
  for (;;) (void)os::write_message(channel, {message, length});
}

}  // namespace sluice::adversary
