#include "wire/broker_message.h"

#include <cerrno>
#include <cstring>

#include "core/path.h"
#include "wire/cursor.h"

namespace sluice::wire {
namespace {

constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};

uint32_t flags_of(BrokerOp op) {
  switch (op) {
    case BrokerOp::kOpen: return kOpenWrite | kOpenTruncate | kOpenRead;
    case BrokerOp::kOpenTemp: return kTempExclusive;
    case BrokerOp::kSync: return kSyncDataOnly;
    case BrokerOp::kChange: return kChangeMode | kChangeOwner | kChangeTimes;
    default: return 0;
  }
}

bool takes_path(BrokerOp op) {
  return op == BrokerOp::kOpen || op == BrokerOp::kOpenTemp || op == BrokerOp::kTruncatePath ||
         op == BrokerOp::kLink;
}

}  // namespace

core::Result<DecodedRequest> decode_request(std::span<const uint8_t> message) {
  Reader reader(message);
  DecodedRequest request{reader.take<BrokerRequest>(), {}};
  const BrokerRequest& header = request.header;
  request.path = reader.take_text(header.path_length);
  if (!reader.finished()) return kMalformed;
  if (header.op < BrokerOp::kOpen || header.op > BrokerOp::kReadWindow) return kMalformed;
  if ((header.flags & ~flags_of(header.op)) != 0) return kMalformed;
  if (!takes_path(header.op) && !request.path.empty()) return kMalformed;
  if (header.offset < 0 || header.offset2 < 0 || header.length < 0) return kMalformed;
  if (!core::valid_relative(request.path)) return core::Failure{EINVAL, core::Reason::kPathMalformed};
  return request;
}

size_t encode_request(BrokerRequest header, std::string_view path, std::span<uint8_t> out) {
  if (path.size() > core::Limits::kPathBytes || out.size() < sizeof(header) + path.size()) return 0;
  header.path_length = static_cast<uint32_t>(path.size());
  std::memcpy(out.data(), &header, sizeof(header));
  copy_text(out.data() + sizeof(header), path);
  return sizeof(header) + path.size();
}

}  // namespace sluice::wire
