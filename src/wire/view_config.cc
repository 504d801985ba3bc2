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
  if (!reader.finished() || header.magic != kMagic || (header.flags & ~(kReadOnly | kPreserve | kAudit)) != 0 ||
      (header.missing & ~core::kAllMissing) != 0 ||
      header.private_uid - core::ViewLimits::kFirstPrivateUid >= core::ViewLimits::kPrivateUids || header.uid == 0 ||
      header.most_grants == 0 || header.most_grants > core::ViewLimits::kGrantsPerView ||
      header.coherence_milliseconds > core::ViewLimits::kCoherenceMillisecondsMost) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  auto decoded = core::Rules::decode(rules);
  if (!decoded.ok()) return decoded.failure();
  ViewConfig config;
  config.read_only = (header.flags & kReadOnly) != 0;
  config.preserve = (header.flags & kPreserve) != 0;
  config.audit = (header.flags & kAudit) != 0;
  config.coherence_milliseconds = header.coherence_milliseconds;
  config.most_grants = header.most_grants;
  config.private_uid = header.private_uid;
  config.uid = header.uid;
  config.missing = header.missing;
  config.init.assign(init.begin(), init.end());
  config.rules = *std::move(decoded);
  config.grafts = *std::move(grafts);
  return config;
}

}  // namespace sluice::wire
