// What the service answers to libsluice, as a library reads it that may be older than the service:
// whatever the command takes for an answer, the library takes for the same.
#include "wire/foreign_reply.h"

#include "fuzz/message.h"
#include "fuzz/target.h"
#include "wire/control.h"

using namespace sluice;

FUZZ_MESSAGE(24, {20})

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span message(data, size);
  const auto reply = wire::decode_foreign_reply(message);
  const auto same = wire::decode_reply(message);
  if (reply.ok()) {
    FUZZ_HOLDS(reply->error >= 0 && reply->error <= 4095 &&
               (reply->error != 0) == (reply->reason != 0));
    // It may have a reason that is not known here.
    FUZZ_HOLDS(same.ok() == (reply->reason < static_cast<uint32_t>(core::Reason::kCount)));
  } else {
    FUZZ_HOLDS(reply.failure().error == EPROTO);
  }
  if (same.ok() && same->error >= 0 && same->error <= 4095 &&
      (same->error != 0) == (same->reason != core::Reason::kNone)) {
    FUZZ_HOLDS(reply.ok() && reply->error == same->error && reply->most_grants == same->count);
    FUZZ_HOLDS(reply->reason == static_cast<uint32_t>(same->reason));
  }
  return 0;
}
