// All that the command and the service say to each other, either of them lying: hellos, replies,
// views, totals.
#include "wire/control.h"

#include "fuzz/message.h"
#include "fuzz/target.h"
#include "wire/totals.h"

using namespace sluice;

// The first byte says which of them it is. A reply: its text.
FUZZ_MESSAGE_BEHIND(1, 24, {20})

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span message(data + 1, size - 1);
  const auto check = [&](const auto& decoded, auto encode) {
    if (decoded.ok()) FUZZ_HOLDS(std::ranges::equal(encode(*decoded), message));
  };
  switch (data[0] % 4) {
    case 0: {
      const auto reply = wire::decode_reply(message);
      if (reply.ok()) FUZZ_HOLDS(reply->reason < core::Reason::kCount);
      check(reply, wire::encode_reply);
      break;
    }
    case 1: {
      const auto view = wire::decode_view(message);
      if (view.ok()) FUZZ_HOLDS(view->name.empty() || wire::valid_view_name(view->name));
      if (view.ok()) FUZZ_HOLDS(view->unit.size() <= wire::kMostUnitBytes);
      check(view, wire::encode_view);
      break;
    }
    case 3:
      check(wire::decode_hello(message), wire::encode_hello);
      break;
    default:
      check(wire::decode_totals(message), wire::encode_totals);
  }
  return 0;
}
