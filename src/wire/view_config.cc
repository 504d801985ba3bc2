#include "wire/view_config.h"

#include <cerrno>

#include "core/limits.h"
#include "core/protection.h"
#include "wire/cursor.h"

namespace sluice::wire {
namespace {

constexpr uint32_t kMagic = 0x43564C53;  // "SLVC"
constexpr uint32_t kReadOnly = 1;
constexpr uint32_t kPreserve = 2;

struct Header {
  uint32_t magic;
  uint32_t flags;
  uint32_t coherence_milliseconds;
  uint32_t most_grants;
  uint32_t private_uid;
  uint32_t missing;
  uint32_t init_length;
  uint32_t rules_length;
};

}  // namespace

std::vector<uint8_t> encode_view_config(const ViewConfig& config) {
  const std::vector<uint8_t> rules = config.rules.encode();
  Writer writer;
  writer.put(Header{kMagic,
                    (config.read_only ? kReadOnly : 0) | (config.preserve ? kPreserve : 0),
                    config.coherence_milliseconds, config.most_grants, config.private_uid,
                    config.missing,
                    static_cast<uint32_t>(config.init.size()), static_cast<uint32_t>(rules.size())});
  writer.put_bytes(config.init);
  writer.put_bytes(rules);
  return writer.finish();
}

core::Result<ViewConfig> decode_view_config(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  const auto header = reader.take<Header>();
  const auto init = reader.take_bytes(header.init_length);
  const auto rules = reader.take_bytes(header.rules_length);
  if (!reader.finished() || header.magic != kMagic || (header.flags & ~(kReadOnly | kPreserve)) != 0 ||
      (header.missing & ~core::kAllMissing) != 0 ||
      header.private_uid < core::Limits::kFirstPrivateUid ||
      header.private_uid - core::Limits::kFirstPrivateUid >= core::Limits::kPrivateUids ||
      header.most_grants == 0 || header.most_grants > core::Limits::kGrantsPerView ||
      header.coherence_milliseconds > core::Limits::kCoherenceMillisecondsMost) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  auto decoded = core::Rules::decode(rules);
  if (!decoded.ok()) return decoded.failure();
  ViewConfig config;
  config.read_only = (header.flags & kReadOnly) != 0;
  config.preserve = (header.flags & kPreserve) != 0;
  config.coherence_milliseconds = header.coherence_milliseconds;
  config.most_grants = header.most_grants;
  config.private_uid = header.private_uid;
  config.missing = header.missing;
  config.init.assign(init.begin(), init.end());
  config.rules = *std::move(decoded);
  return config;
}

}  // namespace sluice::wire
