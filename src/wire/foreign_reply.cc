#include "wire/foreign_reply.h"

#include <cerrno>

#include "wire/cursor.h"

namespace sluice::wire {
namespace {

constexpr uint32_t kMagic = 0x43554C53;  // as in wire/control.cc
constexpr uint32_t kVersion = 1;
constexpr int32_t kMostErrno = 4095;

struct Header {
  uint32_t magic, version;
  int32_t error;
  uint32_t reason, count, text_length;
};

}  // namespace

core::Result<ForeignReply> decode_foreign_reply(std::span<const uint8_t> message) {
  constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};
  Reader reader(message);
  const auto header = reader.take<Header>();
  if (!reader.ok() || header.magic != kMagic) return kMalformed;
  if (header.version != kVersion) return core::Failure{EPROTO, core::Reason::kVersion};
  (void)reader.take_text(header.text_length);
  const bool refused = header.reason != 0;
  if (!reader.finished() || header.error < 0 || header.error > kMostErrno || refused != (header.error != 0)) {
    return kMalformed;
  }
  return ForeignReply{header.error, header.reason, header.count};
}

}  // namespace sluice::wire
