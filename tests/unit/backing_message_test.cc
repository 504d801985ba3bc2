// What the server of a foreign connection says to the service and to its broker.
#include "wire/backing_message.h"

#include <gtest/gtest.h>

#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using core::Reason;
using test::Bytes;
using test::with;

template <typename T>
Bytes bytes_of(const T& value) {
  Bytes bytes(sizeof(value));
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

TEST(ForeignHello, IsKnownByItsFirstWord) {
  const Bytes hello = bytes_of(ForeignHello{kForeignMagic, kForeignVersion, 0, 0});
  EXPECT_TRUE(is_foreign_hello(hello));
  EXPECT_TRUE(check_foreign_hello(hello).ok());
  // It stays one whatever follows, so that it is refused as what it is.
  EXPECT_TRUE(is_foreign_hello(std::span(hello).first(4)));
  for (size_t length = 0; length < 4; ++length) EXPECT_FALSE(is_foreign_hello(std::span(hello).first(length)));
  EXPECT_FALSE(is_foreign_hello(with<uint32_t>(hello, 0, kForeignMagic + 1)));
}

TEST(ForeignHello, OneSpelling) {
  const Bytes hello = bytes_of(ForeignHello{kForeignMagic, kForeignVersion, 0, 0});
  test::expect_truncations_refused(hello, check_foreign_hello);
  test::expect_trailing_bytes_refused(hello, check_foreign_hello);
  test::expect_mutations_survived(hello, check_foreign_hello, [](const ForeignHello& each) { return bytes_of(each); });
  test::expect_noise_survived(64, check_foreign_hello);
  EXPECT_EQ(check_foreign_hello(with<uint32_t>(hello, 4, kForeignVersion + 1)).failure().reason, Reason::kVersion);
  EXPECT_EQ(check_foreign_hello(with<uint32_t>(hello, 8, kForeignMake))->flags, kForeignMake);
  EXPECT_EQ(check_foreign_hello(with<uint32_t>(hello, 8, kForeignMake + 1)).failure().reason, Reason::kProtocol);
  EXPECT_EQ(check_foreign_hello(with<uint32_t>(hello, 12, 1)).failure().reason, Reason::kProtocol);
}

TEST(BackingRequest, WhatIsWellFormed) {
  const Bytes open = bytes_of(BackingRequest{BackingOp::kOpen, 0});
  const Bytes close = bytes_of(BackingRequest{BackingOp::kClose, 7});
  for (size_t fds = 0; fds < 4; ++fds) {
    EXPECT_EQ(decode_backing_request(open, fds).ok(), fds == 1) << fds;
    EXPECT_EQ(decode_backing_request(close, fds).ok(), fds == 0) << fds;
  }
  EXPECT_EQ(decode_backing_request(close, 0)->backing_id, 7);
  for (const int32_t id : {0, -1, INT32_MIN}) EXPECT_FALSE(decode_backing_request(with(close, 4, id), 0).ok()) << id;
  for (const int32_t id : {1, -1}) EXPECT_FALSE(decode_backing_request(with(open, 4, id), 1).ok()) << id;
  for (const uint32_t op : {0u, 3u, ~0u}) {
    EXPECT_FALSE(decode_backing_request(with(open, 0, op), 1).ok()) << op;
    EXPECT_FALSE(decode_backing_request(with(close, 0, op), 0).ok()) << op;
  }
}

TEST(BackingRequest, TruncatedTrailingAndMutated) {
  for (const size_t fds : {0, 1}) {
    const auto decode = [fds](std::span<const uint8_t> message) { return decode_backing_request(message, fds); };
    const Bytes message =
        bytes_of(fds == 1 ? BackingRequest{BackingOp::kOpen, 0} : BackingRequest{BackingOp::kClose, 7});
    test::expect_truncations_refused(message, decode);
    test::expect_trailing_bytes_refused(message, decode);
    test::expect_mutations_survived(message, decode, [](const BackingRequest& request) { return bytes_of(request); });
    test::expect_noise_survived(64, decode);
  }
}

// A client may be of another version than the service: what is laid down here is not changed.
TEST(BackingMessages, TheirLayoutStays) {
  EXPECT_EQ(bytes_of(ForeignHello{kForeignMagic, 1, 0, 0}),
            (Bytes{'S', 'L', 'U', 'F', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(bytes_of(BackingRequest{BackingOp::kClose, 0x01020304}), (Bytes{2, 0, 0, 0, 4, 3, 2, 1}));
  EXPECT_EQ(bytes_of(BackingReply{1, 2, 3, 0}), (Bytes{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace sluice::wire
