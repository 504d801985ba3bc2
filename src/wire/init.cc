#include "wire/init.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/limits.h"
#include "wire/cursor.h"

namespace sluice::wire {
namespace {

// Without these the design does not hold: see the kernel facts in tests/kernel.
constexpr uint64_t kNeeded = kInitExt | kInitPassthrough | kInitHandleKillprivV2 | kInitHasResend |
                             kInitNoExportSupport | kInitMaxPages;

constexpr uint64_t kWanted =
    kNeeded | kInitAsyncRead | kInitAtomicTrunc | kInitBigWrites | kInitDontMask |
    kInitDoReaddirplus | kInitReaddirplusAuto | kInitAsyncDio | kInitParallelDirops |
    kInitCacheSymlinks | kInitRequestTimeout |
    kInitAutoInvalData;  // for listings: see worker/told_listing.cc

}  // namespace

core::Result<Init> decode_init(std::span<const uint8_t> message) {
  Reader reader(message);
  const auto header = reader.take<FuseInHeader>();
  const auto in = reader.take<FuseInitIn>();
  if (!reader.finished() || header.opcode != kFuseInit || header.len != message.size()) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  const uint64_t flags = in.flags | uint64_t{in.flags2} << 32;
  if (in.major != kFuseMajor || in.minor < kFuseMinorPassthrough || (flags & kNeeded) != kNeeded) {
    return core::Failure{EOPNOTSUPP, core::Reason::kKernelNoPassthrough};
  }
  return Init{header.unique, in.minor, in.max_readahead, flags};
}

std::array<uint8_t, sizeof(FuseOutHeader) + sizeof(FuseInitOut)> encode_init_reply(const Init& init,
                                                                                    bool posix_acl) {
  const uint64_t flags = init.flags & (kWanted | (posix_acl ? kInitPosixAcl : 0));
  FuseInitOut out{};
  out.major = kFuseMajor;
  out.minor = std::min(init.minor, kFuseMinorMost);
  out.max_readahead = init.max_readahead;
  out.flags = static_cast<uint32_t>(flags);
  out.flags2 = static_cast<uint32_t>(flags >> 32);
  out.max_background = core::Limits::kBackgroundRequests;
  out.congestion_threshold = core::Limits::kBackgroundRequests * 3 / 4;
  // No WRITE ever comes; this only decides how large a buffer the kernel wants to read into.
  out.max_write = kFuseMaxWrite;
  out.time_gran = 1;
  out.max_pages = kFuseMaxWrite / 4096;
  out.max_stack_depth = 1;
  out.request_timeout = core::Limits::kRequestTimeoutSeconds;
  const FuseOutHeader header{sizeof(FuseOutHeader) + sizeof(FuseInitOut), 0, init.unique};
  std::array<uint8_t, sizeof(FuseOutHeader) + sizeof(FuseInitOut)> reply;
  std::memcpy(reply.data(), &header, sizeof(header));
  std::memcpy(reply.data() + sizeof(header), &out, sizeof(out));
  return reply;
}

}  // namespace sluice::wire
