#include "wire/broker_message.h"

#include <cerrno>

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
    case BrokerOp::kRemove: return kRemoveDirectory;
    case BrokerOp::kRename: return kRenameNoReplace | kRenameExchange;
    default: return 0;
  }
}

bool takes_path(BrokerOp op) {
  return op == BrokerOp::kOpen || op == BrokerOp::kOpenTemp || op == BrokerOp::kTruncatePath ||
         op == BrokerOp::kLinkNameless || op >= BrokerOp::kRemove;
}
bool takes_second(BrokerOp op) { return op > BrokerOp::kRemove && op != BrokerOp::kMakeDevice; }

}  // namespace

core::Result<DecodedRequest> decode_request(std::span<const uint8_t> message) {
  Reader reader(message);
  DecodedRequest request{reader.take<BrokerRequest>(), {}, {}};
  const BrokerRequest& header = request.header;
  request.path = reader.take_text(header.path_length);
  request.second = reader.take_text(header.second_length);
  if (!reader.finished()) return kMalformed;
  if (header.op < BrokerOp::kOpen || header.op > BrokerOp::kMakeDevice) return kMalformed;
  if ((header.flags & ~flags_of(header.op)) != 0) return kMalformed;
  if (!takes_path(header.op) && !request.path.empty()) return kMalformed;
  if (takes_second(header.op) == request.second.empty()) return kMalformed;
  if (header.offset < 0 || header.offset2 < 0 || header.length < 0) return kMalformed;
  const bool is_text = header.op == BrokerOp::kSymlink && request.second.size() <= core::ViewLimits::kHostPathBytes &&
                       request.second.find('\0') == std::string_view::npos;
  if (!core::valid_relative(request.path) || !(is_text || core::valid_relative(request.second))) {
    return core::Failure{EINVAL, core::Reason::kPathMalformed};
  }
  return request;
}

}  // namespace sluice::wire
