// FUSE_INIT as it is read from /dev/fuse, and the answer that freezes the connection.
#include "wire/init.h"

#include "fuzz/message.h"
#include "fuzz/target.h"

using namespace sluice;

FUZZ_MESSAGE(sizeof(wire::FuseInHeader) + sizeof(wire::FuseInitIn))

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto init = wire::decode_init({data, size});
  if (!init.ok()) return 0;
  for (const bool acl : {false, true}) {
    const auto reply = wire::encode_init_reply(*init, acl);
    wire::FuseOutHeader header;
    wire::FuseInitOut out;
    std::memcpy(&header, reply.data(), sizeof(header));
    std::memcpy(&out, reply.data() + sizeof(header), sizeof(out));
    FUZZ_HOLDS(header.len == reply.size() && header.error == 0 && header.unique == init->unique);
    const uint64_t flags = out.flags | uint64_t{out.flags2} << 32;
    // Nothing that the kernel did not offer; passthrough, one deep; no writeback cache, no
    // submounts, no opens without a request, nothing by io_uring.
    FUZZ_HOLDS((flags & ~init->flags) == 0);
    FUZZ_HOLDS((flags & wire::kInitPassthrough) != 0 && out.max_stack_depth == 1);
    constexpr uint64_t kNever = 1ull << 16 | 1ull << 17 | 1ull << 24 | 1ull << 27 | 1ull << 41;
    FUZZ_HOLDS((flags & kNever) == 0);
    FUZZ_HOLDS(acl || (flags & wire::kInitPosixAcl) == 0);
    FUZZ_HOLDS(out.major == wire::kFuseMajor && out.minor <= wire::kFuseMinorMost);
    FUZZ_HOLDS(out.minor >= wire::kFuseMinorPassthrough && out.max_write == wire::kFuseMaxWrite);
  }
  return 0;
}
