#include "wire/view_config.h"

#include <cerrno>

#include "core/view_limits.h"
#include "core/protection.h"
#include "wire/graft_list.h"
#include "wire/view_config_form.h"

namespace sluice::wire {

using namespace view_config;  // what it begins with

core::Result<ViewConfig> decode_view_config(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  const auto header = reader.take<Header>();
  const auto init = reader.take_bytes(header.init_length);
  const auto rules = reader.take_bytes(header.rules_length);
  auto grafts = take_grafts(reader);
  if (!grafts.ok()) return grafts.failure();
  const ViewSettings& of = header.settings;
  if (!reader.finished() || header.magic != kMagic || of.unknown != 0 ||
      (of.device_nodes != 0 && (of.preserve == 0 || of.read_only != 0)) ||
      (of.missing & ~core::kAllMissing) != 0 ||
      of.private_uid - core::ViewLimits::kFirstPrivateUid >= core::ViewLimits::kPrivateUids || of.uid == 0 ||
      of.most_grants == 0 || of.most_grants > core::ViewLimits::kGrantsPerView ||
      of.coherence_milliseconds > core::ViewLimits::kCoherenceMillisecondsMost) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  auto decoded = core::Rules::decode(rules);
  if (!decoded.ok()) return decoded.failure();
  return ViewConfig{of, {init.begin(), init.end()}, *std::move(decoded), *std::move(grafts)};
}

}  // namespace sluice::wire
