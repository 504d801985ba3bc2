#include "wire/foreign_config.h"

#include <cerrno>

#include "core/connection_limits.h"
#include "core/view_limits.h"
#include "core/protection.h"
#include "wire/cursor.h"

namespace sluice::wire {

core::Result<ForeignConfig> decode_foreign_config(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  const auto config = reader.take<ForeignConfig>();
  if (!reader.finished() || config.magic != kForeignConfigMagic || config.most_grants == 0 ||
      config.most_grants > core::ConnectionLimits::kGrants ||
      config.private_uid < core::ViewLimits::kFirstPrivateUid ||
      config.private_uid - core::ViewLimits::kFirstPrivateUid >= core::ViewLimits::kPrivateUids ||
      (config.missing & ~core::kAllMissing) != 0 || config.uid == 0 || config.audit > 1) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  return config;
}

}  // namespace sluice::wire
