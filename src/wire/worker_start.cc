#include "wire/worker_start.h"

#include <cerrno>

#include "wire/cursor.h"
#include "wire/view_config_writer.h"
#include "wire/writer.h"

namespace sluice::wire {
namespace {

constexpr uint32_t kMagic = 0x53574C53;  // "SLWS"
constexpr uint32_t kMostGroups = 65536;  // NGROUPS_MAX

struct Header {
  uint32_t magic, gid, groups, config_length, connection, roots;
};

}  // namespace

std::vector<uint8_t> encode_worker_start(const WorkerStart& start) {
  const std::vector<uint8_t> config = encode_view_config(start.config);
  Writer writer;
  writer.put(Header{kMagic, start.gid, static_cast<uint32_t>(start.groups.size()),
                    static_cast<uint32_t>(config.size()), start.connection, static_cast<uint32_t>(start.roots.size())});
  for (const uint32_t group : start.groups) writer.put(group);
  for (const WorkerStart::Root& root : start.roots) writer.put(root);
  writer.put_bytes(config);
  return writer.finish();
}

core::Result<WorkerStart> decode_worker_start(std::span<const uint8_t> bytes) {
  constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};
  Reader reader(bytes);
  const auto header = reader.take<Header>();
  if (header.magic != kMagic || header.groups > kMostGroups || header.roots > 1 + core::kMostGrafts) return kMalformed;
  WorkerStart start;
  start.gid = header.gid;
  start.connection = header.connection;
  for (uint32_t i = 0; i < header.groups; ++i) start.groups.push_back(reader.take<uint32_t>());
  for (uint32_t i = 0; i < header.roots; ++i) start.roots.push_back(reader.take<WorkerStart::Root>());
  const auto config = reader.take_bytes(header.config_length);
  if (!reader.finished()) return kMalformed;
  auto decoded = decode_view_config(config);
  if (!decoded.ok()) return decoded.failure();
  start.config = *std::move(decoded);
  return start;
}

}  // namespace sluice::wire
