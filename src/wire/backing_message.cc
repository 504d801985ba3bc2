#include "wire/backing_message.h"

#include <cerrno>

#include "wire/cursor.h"

namespace sluice::wire {
namespace {

constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};

}  // namespace

bool is_foreign_hello(std::span<const uint8_t> message) {
  return Reader(message).take<uint32_t>() == kForeignMagic;
}

core::Result<ForeignHello> check_foreign_hello(std::span<const uint8_t> message) {
  Reader reader(message);
  const auto hello = reader.take<ForeignHello>();
  if (hello.magic != kForeignMagic) return kMalformed;
  if (hello.version != kForeignVersion) return core::Failure{EPROTO, core::Reason::kVersion};
  if (!reader.finished() || (hello.flags & ~kForeignMake) != 0 || hello.padding != 0) return kMalformed;
  return hello;
}

core::Result<BackingRequest> decode_backing_request(std::span<const uint8_t> message, size_t fds) {
  Reader reader(message);
  const auto request = reader.take<BackingRequest>();
  if (!reader.finished()) return kMalformed;
  if (request.op == BackingOp::kOpen && request.backing_id == 0 && fds == 1) return request;
  if (request.op == BackingOp::kClose && request.backing_id > 0 && fds == 0) return request;
  return kMalformed;
}

}  // namespace sluice::wire
