// A hello, as a peer sends it to the service's socket.
#include "core/limits.h"
#include "fuzz/message.h"
#include "fuzz/target.h"
#include "wire/control.h"

using namespace sluice;

// Groups, name, source, target, rules; then the grafts.
FUZZ_MESSAGE(48, {28, 4}, {32}, {36}, {40}, {44})

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span message(data, size);
  const auto hello = wire::decode_hello(message);
  if (!hello.ok()) {
    FUZZ_HOLDS(hello.failure().error > 0 && hello.failure().reason != core::Reason::kNone);
    return 0;
  }
  FUZZ_HOLDS(hello->uid != ~0u && hello->gid != ~0u && hello->groups.size() <= wire::kMostGroups);
  for (const uint32_t group : hello->groups) FUZZ_HOLDS(group != ~0u);
  FUZZ_HOLDS(hello->name.empty() || wire::valid_view_name(hello->name));
  FUZZ_HOLDS(hello->name.find_first_of("/\n ") == std::string::npos &&
             hello->name.size() <= wire::kMostNameBytes);
  for (const std::string& path : {hello->source, hello->target}) {
    FUZZ_HOLDS(path.find('\0') == std::string::npos && path.size() <= core::Limits::kHostPathBytes);
  }
  FUZZ_HOLDS(core::valid_grafts(hello->grafts));
  // There is one way to say it.
  const auto again = wire::encode_hello(*hello);
  FUZZ_HOLDS(std::ranges::equal(again, message));
  return 0;
}
