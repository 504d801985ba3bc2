#include "wire/stored_view.h"

#include <cerrno>

#include "core/connection_limits.h"
#include "core/grafts.h"
#include "core/limits.h"
#include "core/protection.h"
#include "wire/cursor.h"
#include "wire/writer.h"

namespace sluice::wire {
namespace {

constexpr uint32_t kMagic = 0x56534C53;  // "SLSV"
constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};

constexpr uint32_t kReadOnly = 1;
constexpr uint32_t kPreserve = 2;
constexpr uint32_t kTied = 4;
constexpr uint32_t kOtherRules = 8;
constexpr uint32_t kFlagsOfFirst = kReadOnly | kPreserve | kTied | kOtherRules;
constexpr uint32_t kDeviceNodes = 16;
constexpr uint32_t kForeign = 32;
constexpr uint32_t kResting = 64;
constexpr uint32_t kKnowsRest = 128;
constexpr uint32_t kAllFlags = kFlagsOfFirst | kDeviceNodes | kForeign | kResting | kKnowsRest;

// Every version begins with the first two.
struct Header {
  uint32_t magic, version;
  uint64_t id;
  int64_t started;
  uint32_t uid, gid, owner, rules;
  uint32_t most_grants, missing, coherence_milliseconds, connection;
  int32_t broker_pid, worker_pid;
  uint32_t flags, trees;
  uint32_t name_length, source_length, target_length, unit_length, rules_length, padding;
};

uint32_t length_of(std::string_view text) { return static_cast<uint32_t>(text.size()); }

bool is_path(std::string_view text) {
  return text.size() <= core::Limits::kHostPathBytes && text.find('\0') == std::string_view::npos;
}

// No process has served it: nobody waits for its end, and it has no grafts.
bool has_not_begun(const Header& header) {
  return header.broker_pid == 0 && (header.flags & kResting) != 0 && (header.flags & kTied) == 0 && header.trees == 1;
}

bool in_range(const Header& header) {
  const uint32_t flags = header.version == kStoredViewOfFirst ? kFlagsOfFirst : kAllFlags;
  return header.id != 0 && (header.flags & ~flags) == 0 && header.padding == 0 &&
         (header.missing & ~core::kAllMissing) == 0 && header.trees <= 1 + core::kMostGrafts &&
         header.most_grants != 0 && header.most_grants <= core::Limits::kGrantsPerView &&
         header.coherence_milliseconds <= core::Limits::kCoherenceMillisecondsMost &&
         (header.broker_pid > 0 || has_not_begun(header)) && header.worker_pid >= 0 &&
         ((header.flags & kResting) == 0 || (header.worker_pid == 0 && header.trees != 0 && (header.flags & kKnowsRest) != 0)) &&
         ((header.flags & kOtherRules) != 0 || header.rules_length == 0);
}

// What a connection of another server has nothing of; and it is its server's, whoever that is.
bool is_of_its_kind(const Header& header) {
  if ((header.flags & kForeign) == 0) return true;
  return header.flags == kForeign && header.trees == 0 && header.worker_pid == 0 && header.rules == 0 &&
         header.coherence_milliseconds == 0 && header.source_length == 0 && header.uid == header.owner &&
         header.connection != 0 && header.most_grants <= core::ConnectionLimits::kGrants;
}

}  // namespace

std::vector<uint8_t> encode_stored_view(const StoredView& view) {
  const ViewInfo& info = view.info;
  const std::span<const uint8_t> rules = view.other_rules ? view.other_rules->bytes() : std::span<const uint8_t>();
  Header header{};
  header.magic = kMagic;
  header.version = kStoredViewVersion;
  header.id = info.id;
  header.started = info.started;
  header.uid = info.uid;
  header.gid = info.gid;
  header.owner = info.owner;
  header.rules = info.rules;
  header.most_grants = info.most_grants;
  header.missing = info.missing;
  header.coherence_milliseconds = info.coherence_milliseconds;
  header.connection = info.connection;
  header.broker_pid = info.broker_pid;
  header.worker_pid = info.worker_pid;
  header.flags = (info.read_only ? kReadOnly : 0) | (info.preserve ? kPreserve : 0) | (info.tied ? kTied : 0) |
                 (view.other_rules ? kOtherRules : 0) | (info.device_nodes ? kDeviceNodes : 0) | (info.foreign ? kForeign : 0) |
                 (info.resting ? kResting : 0) | (view.knows_rest && !info.foreign ? kKnowsRest : 0);
  header.trees = view.trees;
  header.name_length = length_of(info.name);
  header.source_length = length_of(info.source);
  header.target_length = length_of(info.target);
  header.unit_length = length_of(info.unit);
  header.rules_length = static_cast<uint32_t>(rules.size());
  Writer writer;
  writer.put(header);
  for (const std::string* text : {&info.name, &info.source, &info.target, &info.unit}) writer.put_text(*text);
  writer.put_bytes(rules);
  return writer.finish();
}

core::Result<StoredView> decode_stored_view(std::span<const uint8_t> bytes) {
  Reader begin(bytes);
  const auto magic = begin.take<uint32_t>();
  const auto version = begin.take<uint32_t>();
  if (!begin.ok() || magic != kMagic) return kMalformed;
  if (version != kStoredViewVersion && version != kStoredViewOfFirst) return core::Failure{EPROTO, core::Reason::kVersion};
  Reader reader(bytes);
  const auto header = reader.take<Header>();
  const auto name = reader.take_text(header.name_length);
  const auto source = reader.take_text(header.source_length);
  const auto target = reader.take_text(header.target_length);
  const auto unit = reader.take_text(header.unit_length);
  const auto rules = reader.take_bytes(header.rules_length);
  if (!reader.finished() || !in_range(header) || !is_of_its_kind(header) || !valid_view_name(name) ||
      !is_path(source) || !is_path(target) || unit.size() > kMostUnitBytes) {
    return kMalformed;
  }
  StoredView view;
  if ((header.flags & kOtherRules) != 0) {
    auto decoded = core::Rules::decode(rules);
    if (!decoded.ok()) return decoded.failure();
    view.other_rules = *std::move(decoded);
  }
  view.version = header.version;
  view.knows_rest = (header.flags & kKnowsRest) != 0;
  view.trees = header.trees;
  ViewInfo& info = view.info;
  info.id = header.id;
  info.started = header.started;
  info.uid = header.uid;
  info.gid = header.gid;
  info.owner = header.owner;
  info.rules = header.rules;
  info.most_grants = header.most_grants;
  info.missing = header.missing;
  info.coherence_milliseconds = header.coherence_milliseconds;
  info.connection = header.connection;
  info.broker_pid = header.broker_pid;
  info.worker_pid = header.worker_pid;
  info.read_only = (header.flags & kReadOnly) != 0;
  info.preserve = (header.flags & kPreserve) != 0;
  info.device_nodes = (header.flags & kDeviceNodes) != 0;
  info.tied = (header.flags & kTied) != 0;
  info.foreign = (header.flags & kForeign) != 0;
  info.resting = (header.flags & kResting) != 0;
  info.name = name;
  info.source = source;
  info.target = target;
  info.unit = unit;
  return view;
}

}  // namespace sluice::wire
