// A request of the worker, which may have been taken over, as the broker takes it apart.
#include "core/limits.h"
#include "core/path.h"
#include "fuzz/message.h"
#include "fuzz/target.h"
#include "wire/broker_message.h"
#include "wire/broker_request_writer.h"

using namespace sluice;

FUZZ_MESSAGE(sizeof(wire::BrokerRequest), {offsetof(wire::BrokerRequest, path_length)},
             {offsetof(wire::BrokerRequest, second_length)})

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span message(data, size);
  const auto request = wire::decode_request(message);
  if (!request.ok()) return 0;
  const wire::BrokerRequest& header = request->header;
  FUZZ_HOLDS(header.op >= wire::BrokerOp::kOpen && header.op <= wire::BrokerOp::kMakeDevice);
  FUZZ_HOLDS(header.offset >= 0 && header.offset2 >= 0 && header.length >= 0);
  FUZZ_HOLDS(core::valid_relative(request->path));
  if (header.op == wire::BrokerOp::kSymlink) {
    FUZZ_HOLDS(request->second.find('\0') == std::string_view::npos);
    FUZZ_HOLDS(request->second.size() <= core::Limits::kPathBytes && !request->second.empty());
  } else {
    FUZZ_HOLDS(core::valid_relative(request->second));
  }
  const bool two = header.op == wire::BrokerOp::kRename || header.op == wire::BrokerOp::kLink ||
                   header.op == wire::BrokerOp::kSymlink;
  FUZZ_HOLDS(two == !request->second.empty());
  static uint8_t again[wire::kBrokerRequestMost];
  const size_t length = wire::encode_request(header, request->path, request->second, again);
  FUZZ_HOLDS(std::ranges::equal(std::span(again, length), message));
  return 0;
}
