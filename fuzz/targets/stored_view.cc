// What a service left of a view to the next: by a service of another version, one that was taken over, or anybody who
// could put something into the manager's store.
#include "wire/stored_view.h"

#include <algorithm>
#include <cstring>

#include "core/connection_limits.h"
#include "core/limits.h"
#include "core/protection.h"
#include "fuzz/message.h"
#include "fuzz/target.h"

using namespace sluice;

// Name, source, target, unit, rules.
FUZZ_MESSAGE(96, {72}, {76}, {80}, {84}, {88})

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span record(data, size);
  const auto view = wire::decode_stored_view(record);
  if (!view.ok()) return 0;
  const wire::ViewInfo& info = view->info;
  FUZZ_HOLDS(info.id != 0 && info.broker_pid > 0 && info.worker_pid >= 0);
  if (info.foreign) {
    FUZZ_HOLDS(info.worker_pid == 0 && view->trees == 0 && !view->other_rules && !info.tied && !info.preserve && !info.read_only);
    FUZZ_HOLDS(info.owner == info.uid && info.connection != 0 && info.most_grants <= core::ConnectionLimits::kGrants);
  }
  FUZZ_HOLDS(wire::valid_view_name(info.name) && info.unit.size() <= wire::kMostUnitBytes);
  FUZZ_HOLDS(info.source.size() <= core::Limits::kPathBytes && info.target.size() <= core::Limits::kPathBytes);
  FUZZ_HOLDS(info.most_grants > 0 && info.most_grants <= core::Limits::kGrantsPerView);
  FUZZ_HOLDS((info.missing & ~core::kAllMissing) == 0);
  FUZZ_HOLDS(view->trees <= 1 + core::kMostGrafts);
  // What is listed of it can be read by who asks.
  FUZZ_HOLDS(wire::decode_view(wire::encode_view(info)).ok());
  // As this version writes it: the first one's has nothing that it would leave out.
  std::vector<uint8_t> again = wire::encode_stored_view(*view);
  std::memcpy(again.data() + 4, &view->version, sizeof(view->version));
  FUZZ_HOLDS(std::ranges::equal(again, record));
  return 0;
}
