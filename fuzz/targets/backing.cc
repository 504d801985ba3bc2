// What the server of a foreign connection says: its hello, its requests; and what its broker and the service are told
// besides, in the same decoders' care.
#include "wire/backing_message.h"

#include <cstring>

#include "core/connection_limits.h"
#include "core/limits.h"
#include "fuzz/target.h"
#include "wire/fdinfo.h"
#include "wire/foreign_config.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span message(data + 1, size - 1);
  if (wire::check_foreign_hello(message).ok()) {
    FUZZ_HOLDS(wire::is_foreign_hello(message) && message.size() == sizeof(wire::ForeignHello));
  }
  const size_t fds = data[0] % 3;
  const auto request = wire::decode_backing_request(message, fds);
  if (request.ok()) {
    FUZZ_HOLDS(message.size() == sizeof(*request) && std::memcmp(&*request, message.data(), sizeof(*request)) == 0);
    const bool open = request->op == wire::BackingOp::kOpen;
    FUZZ_HOLDS(fds == (open ? 1u : 0u) && (open ? request->backing_id == 0 : request->backing_id > 0));
  }
  const auto config = wire::decode_foreign_config(message);
  if (config.ok()) {
    FUZZ_HOLDS(message.size() == sizeof(*config) && config->uid != 0 && config->most_grants > 0);
    FUZZ_HOLDS(config->most_grants <= core::ConnectionLimits::kGrants);
    FUZZ_HOLDS(config->private_uid >= core::Limits::kFirstPrivateUid);
  }
  const auto number = wire::connection_in_fdinfo({reinterpret_cast<const char*>(message.data()), message.size()});
  if (number) FUZZ_HOLDS(*number > 0 && *number < 10'000'000);
  return 0;
}
