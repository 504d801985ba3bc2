// What a service and the keeper of its views say to each other: by one of another version, by one that was taken over, or by
// whoever of root's is at the other end.
#include "fuzz/target.h"
#include "wire/keeper_message.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span message(data, size);
  if (const auto version = wire::decode_keeper_hello(message); version.ok()) {
    FUZZ_HOLDS(*version > 0 && *version <= wire::kKeeperVersion && size >= 8);
    FUZZ_HOLDS(wire::decode_keeper_hello(wire::encode_keeper_hello(*version)).ok());
  }
  if (const auto welcome = wire::decode_keeper_welcome(message); welcome.ok()) {
    FUZZ_HOLDS(welcome->count <= wire::kMostKept && (!welcome->taken || welcome->count == 0));
    FUZZ_HOLDS(std::ranges::equal(wire::encode_keeper_welcome(*welcome), message));
  }
  if (const auto order = wire::decode_keeper_order(message); order.ok()) {
    FUZZ_HOLDS(!order->name.empty() && order->name.size() <= wire::kKeptNameMost);
    FUZZ_HOLDS(order->name.find_first_of(std::string_view(":\n\0 ", 4)) == std::string::npos);
    FUZZ_HOLDS((order->keep ? wire::keep_words(order->name) : wire::let_go_words(order->name)) == fuzz::text_of(message));
  }
  return 0;
}
