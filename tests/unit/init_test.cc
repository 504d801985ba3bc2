// FUSE_INIT: what is taken from the kernel, and what a connection may do ever after.
#include "wire/init.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>

#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using core::Reason;
using test::Bytes;
using test::with;

constexpr uint64_t kNeeded = kInitExt | kInitPassthrough | kInitHandleKillprivV2 | kInitHasResend |
                             kInitNoExportSupport | kInitMaxPages;
constexpr size_t kFlagsAt = sizeof(FuseInHeader) + offsetof(FuseInitIn, flags);
constexpr size_t kFlags2At = sizeof(FuseInHeader) + offsetof(FuseInitIn, flags2);

Bytes init_message(uint64_t flags, uint32_t minor = 45, uint32_t major = 7) {
  FuseInHeader header{};
  FuseInitIn in{};
  header.len = sizeof(header) + sizeof(in);
  header.opcode = kFuseInit;
  header.unique = 0x0102030405060708;
  in.major = major;
  in.minor = minor;
  in.max_readahead = 131072;
  in.flags = static_cast<uint32_t>(flags);
  in.flags2 = static_cast<uint32_t>(flags >> 32);
  Bytes message(header.len);
  std::memcpy(message.data(), &header, sizeof(header));
  std::memcpy(message.data() + sizeof(header), &in, sizeof(in));
  return message;
}

Reason refusal(const Bytes& message) {
  const test::ExactBlock block(message);
  const auto decoded = decode_init(block.bytes());
  return decoded.ok() ? Reason::kNone : decoded.failure().reason;
}

FuseInitOut reply_to(uint64_t flags, uint32_t minor = 45, bool posix_acl = false) {
  const auto bytes = encode_init_reply({77, minor, 4096, flags}, posix_acl);
  FuseOutHeader header;
  FuseInitOut out;
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::memcpy(&out, bytes.data() + sizeof(header), sizeof(out));
  EXPECT_EQ(header.len, bytes.size());
  EXPECT_EQ(header.error, 0);
  EXPECT_EQ(header.unique, 77u);
  return out;
}
uint64_t flags_of(const FuseInitOut& out) { return out.flags | uint64_t{out.flags2} << 32; }

TEST(Init, Decodes) {
  const auto init = decode_init(init_message(~uint64_t{0}, 41));
  ASSERT_TRUE(init.ok());
  EXPECT_EQ(init->unique, 0x0102030405060708u);
  EXPECT_EQ(init->minor, 41u);
  EXPECT_EQ(init->max_readahead, 131072u);
  EXPECT_EQ(init->flags, ~uint64_t{0});
}

TEST(Init, TruncatedAndTrailing) {
  const Bytes message = init_message(kNeeded);
  test::expect_truncations_refused(message, decode_init);
  test::expect_trailing_bytes_refused(message, decode_init);
  test::expect_noise_survived(200, decode_init);
  for (size_t at = 0; at < message.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      Bytes mutated = message;
      mutated[at] = static_cast<uint8_t>(mutated[at] ^ change);
      const test::ExactBlock block(mutated);
      (void)decode_init(block.bytes()).ok();
    }
  }
}

TEST(Init, OtherRequestsAndLengthsThatLie) {
  const Bytes good = init_message(kNeeded);
  ASSERT_EQ(refusal(good), Reason::kNone);
  EXPECT_EQ(refusal(with<uint32_t>(good, offsetof(FuseInHeader, opcode), 1)), Reason::kProtocol);
  for (const uint32_t length : {0u, 103u, 105u, ~0u}) {
    EXPECT_EQ(refusal(with(good, offsetof(FuseInHeader, len), length)), Reason::kProtocol);
  }
}

TEST(Init, KernelsThatLackSomething) {
  EXPECT_EQ(refusal(init_message(kNeeded, 40)), Reason::kNone);
  EXPECT_EQ(refusal(init_message(kNeeded, 39)), Reason::kKernelNoPassthrough);
  EXPECT_EQ(refusal(init_message(kNeeded, 45, 8)), Reason::kKernelNoPassthrough);
  EXPECT_EQ(refusal(init_message(kNeeded, 45, 6)), Reason::kKernelNoPassthrough);
  for (unsigned bit = 0; bit < 64; ++bit) {
    const uint64_t flag = uint64_t{1} << bit;
    if ((kNeeded & flag) == 0) continue;
    EXPECT_EQ(refusal(init_message(~uint64_t{0} & ~flag)), Reason::kKernelNoPassthrough) << bit;
  }
  // Without EXT the upper half of the flags means nothing.
  EXPECT_EQ(refusal(with(with(init_message(kNeeded), kFlagsAt, static_cast<uint32_t>(kNeeded & ~kInitExt)),
                         kFlags2At, ~0u)),
            Reason::kKernelNoPassthrough);
}

TEST(Init, ReplyFreezesTheConnection) {
  const FuseInitOut out = reply_to(~uint64_t{0});
  EXPECT_EQ(out.major, kFuseMajor);
  EXPECT_EQ(out.max_stack_depth, 1u);
  EXPECT_GE(out.request_timeout, 15);
  EXPECT_EQ(out.max_write, kFuseMaxWrite);
  EXPECT_LE(kFuseMaxWrite + 4096, kFuseBufferBytes);
  EXPECT_EQ(flags_of(out) & kNeeded, kNeeded);
  for (const uint16_t unused : out.unused) EXPECT_EQ(unused, 0);
  // By these, data, mounts or files could come from the worker. Numbers of include/uapi/linux/fuse.h.
  struct Forbidden {
    const char* name;
    unsigned bit;
  };
  for (const Forbidden& flag :
       {Forbidden{"POSIX_LOCKS", 1}, {"EXPORT_SUPPORT", 4}, {"SPLICE_WRITE", 7}, {"SPLICE_MOVE", 8},
        {"FLOCK_LOCKS", 10}, {"HAS_IOCTL_DIR", 11}, {"WRITEBACK_CACHE", 16}, {"NO_OPEN_SUPPORT", 17},
        {"HANDLE_KILLPRIV", 19}, {"POSIX_ACL", 20}, {"ABORT_ERROR", 21}, {"NO_OPENDIR_SUPPORT", 24},
        {"EXPLICIT_INVAL_DATA", 25}, {"MAP_ALIGNMENT", 26}, {"SUBMOUNTS", 27}, {"SETXATTR_EXT", 29},
        {"SECURITY_CTX", 32}, {"HAS_INODE_DAX", 33}, {"DIRECT_IO_ALLOW_MMAP", 36},
        {"ALLOW_IDMAP", 40}, {"OVER_IO_URING", 41}}) {
    EXPECT_EQ(flags_of(out) >> flag.bit & 1, 0u) << flag.name;
  }
}

TEST(Init, ReplyPromisesNothingThatWasNotOffered) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const uint64_t flag = uint64_t{1} << bit;
    for (const bool acl : {false, true}) {
      const FuseInitOut out = reply_to(flag, 45, acl);
      EXPECT_EQ(flags_of(out) & ~flag, 0u) << bit;
    }
  }
}

TEST(Init, AclsOnlyWhereAskedFor) {
  EXPECT_EQ(flags_of(reply_to(~uint64_t{0}, 45, false)) & kInitPosixAcl, 0u);
  EXPECT_NE(flags_of(reply_to(~uint64_t{0}, 45, true)) & kInitPosixAcl, 0u);
  EXPECT_EQ(flags_of(reply_to(~uint64_t{0}, 45, true)) & ~kInitPosixAcl,
            flags_of(reply_to(~uint64_t{0}, 45, false)));
}

TEST(Init, NoNewerProtocolThanIsKnown) {
  EXPECT_EQ(reply_to(kNeeded, 40).minor, 40u);
  EXPECT_EQ(reply_to(kNeeded, kFuseMinorMost).minor, kFuseMinorMost);
  EXPECT_EQ(reply_to(kNeeded, 999).minor, kFuseMinorMost);
}

}  // namespace
}  // namespace sluice::wire
