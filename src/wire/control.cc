#include "wire/control.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/limits.h"
#include "core/protection.h"
#include "wire/graft_list.h"
#include "wire/graft_writer.h"

namespace sluice::wire {
namespace {

constexpr uint32_t kMagic = 0x43554C53;  // "SLUC"
constexpr uint32_t kVersion = 1;
constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};

constexpr uint32_t kReadOnly = 1;
constexpr uint32_t kPreserve = 2;
constexpr uint32_t kNamedIdentity = 4;
constexpr uint32_t kTied = 8;
constexpr uint32_t kNoSource = 16;
constexpr uint32_t kRecord = 32;
constexpr uint32_t kForeign = 64;
constexpr uint32_t kDeviceNodes = 128;
constexpr uint32_t kResting = 256;

struct HelloHeader {
  uint32_t magic, version;
  HelloKind kind;
  uint32_t flags, uid, gid, coherence_milliseconds;
  uint32_t groups, name_length, source_length, target_length, rules_length;
};

struct ReplyHeader {
  uint32_t magic, version;
  int32_t error;
  uint32_t reason, count, text_length;
};

struct ViewHeader {
  uint32_t magic, version;
  uint64_t id;
  int64_t started;
  uint32_t uid, gid, owner, rules;
  int32_t broker_pid, worker_pid;
  uint32_t coherence_milliseconds, flags, most_grants, missing;
  uint64_t requests[Counters::kOpcodes];
  uint64_t nodes, grants, grants_asked, grants_kept, granted, dropped;
  uint64_t refused[static_cast<size_t>(core::Reason::kCount)];
  ViewInfo::Times times[Counters::kAbout];
  uint32_t name_length, source_length, target_length, unit_length, connection, padding;
};

uint32_t length_of(const std::string& text) { return static_cast<uint32_t>(text.size()); }

bool plain(std::string_view path) {
  return path.size() <= core::Limits::kHostPathBytes && path.find('\0') == std::string_view::npos;
}

}  // namespace

bool valid_view_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostNameBytes && name.front() != '.' &&
         name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

std::vector<uint8_t> encode_hello(const Hello& hello) {
  const std::vector<uint8_t>& rules = hello.rules.bytes();
  Writer writer;
  writer.put(HelloHeader{kMagic, kVersion, hello.kind,
                         (hello.read_only ? kReadOnly : 0) | (hello.preserve ? kPreserve : 0) |
                             (hello.named_identity ? kNamedIdentity : 0) | (hello.tied ? kTied : 0) |
                             (hello.no_source ? kNoSource : 0) | (hello.record ? kRecord : 0) |
                             (hello.device_nodes ? kDeviceNodes : 0),
                         hello.uid, hello.gid, hello.coherence_milliseconds,
                         static_cast<uint32_t>(hello.groups.size()), length_of(hello.name),
                         length_of(hello.source), length_of(hello.target),
                         static_cast<uint32_t>(rules.size())});
  for (const uint32_t group : hello.groups) writer.put(group);
  writer.put_text(hello.name);
  writer.put_text(hello.source);
  writer.put_text(hello.target);
  writer.put_bytes(rules);
  put_grafts(writer, hello.grafts);
  return writer.finish();
}

core::Result<Hello> decode_hello(std::span<const uint8_t> message) {
  Reader reader(message);
  const auto header = reader.take<HelloHeader>();
  if (!reader.ok() || header.magic != kMagic) return kMalformed;
  if (header.version != kVersion) return core::Failure{EPROTO, core::Reason::kVersion};
  if (header.kind < HelloKind::kMount || header.kind > HelloKind::kTotals ||
      (header.flags & ~(kReadOnly | kPreserve | kNamedIdentity | kTied | kNoSource | kRecord | kDeviceNodes)) != 0 ||
      ((header.flags & kDeviceNodes) != 0 && (header.flags & (kPreserve | kReadOnly)) != kPreserve) ||
      header.groups > kMostGroups ||
      header.coherence_milliseconds > core::Limits::kCoherenceMillisecondsMost) {
    return kMalformed;
  }
  Hello hello;
  hello.kind = header.kind;
  hello.read_only = (header.flags & kReadOnly) != 0;
  hello.preserve = (header.flags & kPreserve) != 0;
  hello.device_nodes = (header.flags & kDeviceNodes) != 0;
  hello.named_identity = (header.flags & kNamedIdentity) != 0;
  hello.tied = (header.flags & kTied) != 0;
  hello.no_source = (header.flags & kNoSource) != 0;
  hello.record = (header.flags & kRecord) != 0;
  hello.uid = header.uid;
  hello.gid = header.gid;
  hello.coherence_milliseconds = header.coherence_milliseconds;
  for (uint32_t i = 0; i < header.groups; ++i) hello.groups.push_back(reader.take<uint32_t>());
  // To setresuid(2) and its kin this number means "leave it as it is".
  constexpr uint32_t kUnchanged = ~0u;
  if (hello.uid == kUnchanged || hello.gid == kUnchanged ||
      std::count(hello.groups.begin(), hello.groups.end(), kUnchanged) != 0) {
    return kMalformed;
  }
  hello.name = reader.take_text(header.name_length);
  hello.source = reader.take_text(header.source_length);
  hello.target = reader.take_text(header.target_length);
  const auto rules = reader.take_bytes(header.rules_length);
  auto grafts = take_grafts(reader);
  if (!grafts.ok()) return grafts.failure();
  if (!reader.finished() || !plain(hello.source) || !plain(hello.target) ||
      (!hello.name.empty() && !valid_view_name(hello.name))) {
    return kMalformed;
  }
  auto decoded = core::Rules::decode(rules);
  if (!decoded.ok()) return decoded.failure();
  hello.rules = *std::move(decoded);
  hello.grafts = *std::move(grafts);
  return hello;
}

std::vector<uint8_t> encode_reply(const Reply& reply) {
  Writer writer;
  writer.put(ReplyHeader{kMagic, kVersion, reply.error, static_cast<uint32_t>(reply.reason),
                         reply.count, length_of(reply.text)});
  writer.put_text(reply.text);
  return writer.finish();
}

core::Result<Reply> decode_reply(std::span<const uint8_t> message) {
  Reader reader(message);
  const auto header = reader.take<ReplyHeader>();
  const auto text = reader.take_text(header.text_length);
  if (!reader.finished() || header.magic != kMagic) return kMalformed;
  if (header.version != kVersion) return core::Failure{EPROTO, core::Reason::kVersion};
  if (header.reason >= static_cast<uint32_t>(core::Reason::kCount)) return kMalformed;
  return Reply{header.error, static_cast<core::Reason>(header.reason), header.count,
               std::string(text)};
}

std::vector<uint8_t> encode_view(const ViewInfo& view) {
  ViewHeader header{};
  header.magic = kMagic;
  header.version = kVersion;
  header.id = view.id;
  header.started = view.started;
  header.uid = view.uid;
  header.gid = view.gid;
  header.owner = view.owner;
  header.rules = view.rules;
  header.broker_pid = view.broker_pid;
  header.worker_pid = view.worker_pid;
  header.coherence_milliseconds = view.coherence_milliseconds;
  header.flags = (view.read_only ? kReadOnly : 0) | (view.preserve ? kPreserve : 0) |
                 (view.device_nodes ? kDeviceNodes : 0) | (view.tied ? kTied : 0) | (view.foreign ? kForeign : 0) |
                 (view.resting ? kResting : 0);
  header.most_grants = view.most_grants;
  header.missing = view.missing;
  std::memcpy(header.requests, view.requests, sizeof(header.requests));
  header.nodes = view.nodes;
  header.grants = view.grants;
  header.grants_asked = view.grants_asked;
  header.grants_kept = view.grants_kept;
  header.name_length = length_of(view.name);
  header.source_length = length_of(view.source);
  header.target_length = length_of(view.target);
  header.unit_length = length_of(view.unit);
  header.granted = view.granted;
  header.dropped = view.dropped;
  std::memcpy(header.refused, view.refused, sizeof(header.refused));
  std::memcpy(header.times, view.times, sizeof(header.times));
  header.connection = view.connection;
  Writer writer;
  writer.put(header);
  writer.put_text(view.name);
  writer.put_text(view.source);
  writer.put_text(view.target);
  writer.put_text(view.unit);
  return writer.finish();
}

core::Result<ViewInfo> decode_view(std::span<const uint8_t> message) {
  Reader reader(message);
  const auto header = reader.take<ViewHeader>();
  ViewInfo view;
  view.name = reader.take_text(header.name_length);
  view.source = reader.take_text(header.source_length);
  view.target = reader.take_text(header.target_length);
  view.unit = reader.take_text(header.unit_length);
  if (!reader.finished() || header.magic != kMagic || header.version != kVersion ||
      (header.flags & ~(kReadOnly | kPreserve | kDeviceNodes | kTied | kForeign | kResting)) != 0 || header.padding != 0 ||
      (header.missing & ~core::kAllMissing) != 0 || view.unit.size() > kMostUnitBytes ||
      (!view.name.empty() && !valid_view_name(view.name))) {
    return kMalformed;
  }
  view.id = header.id;
  view.started = header.started;
  view.uid = header.uid;
  view.gid = header.gid;
  view.owner = header.owner;
  view.rules = header.rules;
  view.broker_pid = header.broker_pid;
  view.worker_pid = header.worker_pid;
  view.coherence_milliseconds = header.coherence_milliseconds;
  view.read_only = (header.flags & kReadOnly) != 0;
  view.preserve = (header.flags & kPreserve) != 0;
  view.device_nodes = (header.flags & kDeviceNodes) != 0;
  view.tied = (header.flags & kTied) != 0;
  view.foreign = (header.flags & kForeign) != 0;
  view.resting = (header.flags & kResting) != 0;
  view.most_grants = header.most_grants;
  view.missing = header.missing;
  std::memcpy(view.requests, header.requests, sizeof(view.requests));
  view.nodes = header.nodes;
  view.grants = header.grants;
  view.grants_asked = header.grants_asked;
  view.grants_kept = header.grants_kept;
  view.granted = header.granted;
  view.dropped = header.dropped;
  std::memcpy(view.refused, header.refused, sizeof(view.refused));
  std::memcpy(view.times, header.times, sizeof(view.times));
  view.connection = header.connection;
  return view;
}

}  // namespace sluice::wire
