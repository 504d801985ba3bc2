// The configuration of a view, as its broker and worker read it.
#include "wire/view_config.h"

#include "core/limits.h"
#include "core/protection.h"
#include "fuzz/message.h"
#include "fuzz/target.h"
#include "wire/view_config_writer.h"

using namespace sluice;

// INIT, rules; then the grafts.
FUZZ_MESSAGE(32, {24}, {28})

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(data, size);
  const auto config = wire::decode_view_config(bytes);
  if (!config.ok()) return 0;
  FUZZ_HOLDS(config->most_grants > 0 && config->most_grants <= core::Limits::kGrantsPerView);
  FUZZ_HOLDS(config->private_uid >= core::Limits::kFirstPrivateUid);
  FUZZ_HOLDS(config->private_uid < core::Limits::kFirstPrivateUid + core::Limits::kPrivateUids);
  FUZZ_HOLDS((config->missing & ~core::kAllMissing) == 0);
  FUZZ_HOLDS(config->coherence_milliseconds <= core::Limits::kCoherenceMillisecondsMost);
  FUZZ_HOLDS(core::valid_grafts(config->grafts));
  FUZZ_HOLDS(std::ranges::equal(wire::encode_view_config(*config), bytes));
  return 0;
}
