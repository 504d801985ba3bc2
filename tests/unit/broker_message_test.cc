// Requests of the worker to the broker: the boundary at which a hostile worker speaks.
#include "core/limits.h"
#include "wire/broker_request_writer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using core::Reason;
using test::Bytes;

constexpr BrokerOp kAll[] = {BrokerOp::kOpen,     BrokerOp::kOpenTemp, BrokerOp::kDropWrite,
                             BrokerOp::kClose,    BrokerOp::kTruncatePath, BrokerOp::kSync,
                             BrokerOp::kTruncate, BrokerOp::kAllocate, BrokerOp::kCopy,
                             BrokerOp::kSeek,     BrokerOp::kStat,     BrokerOp::kLinkNameless,
                             BrokerOp::kChange,   BrokerOp::kReadWindow, BrokerOp::kNextGrants, BrokerOp::kRemove,
                             BrokerOp::kRename,   BrokerOp::kLink,     BrokerOp::kSymlink,  BrokerOp::kMakeDevice};

bool takes_path(BrokerOp op) {
  return op == BrokerOp::kOpen || op == BrokerOp::kOpenTemp || op == BrokerOp::kTruncatePath ||
         op == BrokerOp::kLinkNameless || op == BrokerOp::kRemove || op == BrokerOp::kRename ||
         op == BrokerOp::kLink || op == BrokerOp::kSymlink || op == BrokerOp::kMakeDevice;
}
bool takes_second(BrokerOp op) {
  return op == BrokerOp::kRename || op == BrokerOp::kLink || op == BrokerOp::kSymlink;
}
// What an operation that takes two has as the other.
std::string_view second_of(BrokerOp op) { return takes_second(op) ? "other" : ""; }

uint32_t flags_of(BrokerOp op) {
  switch (op) {
    case BrokerOp::kOpen: return 7;
    case BrokerOp::kOpenTemp: return 1;
    case BrokerOp::kSync: return 1;
    case BrokerOp::kChange: return 7;
    case BrokerOp::kRemove: return 1;
    case BrokerOp::kRename: return 3;
    default: return 0;
  }
}

// Bytes as a worker under somebody's control may write them: nothing is checked.
Bytes raw(BrokerRequest header, std::string_view path, std::string_view second = {}) {
  Bytes message(sizeof(header));
  std::memcpy(message.data(), &header, sizeof(header));
  for (const std::string_view text : {path, second}) message.insert(message.end(), text.begin(), text.end());
  return message;
}

Bytes request(BrokerOp op, std::string_view path, std::string_view second, uint32_t flags = 0) {
  BrokerRequest header{};
  header.op = op;
  header.flags = flags;
  header.path_length = static_cast<uint32_t>(path.size());
  header.second_length = static_cast<uint32_t>(second.size());
  return raw(header, path, second);
}
Bytes request(BrokerOp op, std::string_view path) { return request(op, path, second_of(op)); }

core::Failure refusal(const Bytes& message) {
  const test::ExactBlock block(message);
  const auto decoded = decode_request(block.bytes());
  if (decoded.ok()) return {0, Reason::kNone};
  return decoded.failure();
}

Bytes again(const DecodedRequest& decoded) { return raw(decoded.header, decoded.path, decoded.second); }

TEST(BrokerRequest, RoundTrip) {
  for (const BrokerOp op : kAll) {
    BrokerRequest header{};
    header.op = op;
    header.flags = flags_of(op);
    header.dev = 1;
    header.ino = ~uint64_t{0};
    header.grant = 3;
    header.grant2 = 4;
    header.offset = INT64_MAX;
    header.offset2 = 6;
    header.length = 7;
    header.times[0] = -1;
    header.times[3] = INT64_MIN;
    header.mode = 0777;
    header.uid = ~0u;
    header.gid = 8;
    const std::string_view path = takes_path(op) ? "a/b c/\xff" : "";
    uint8_t buffer[kBrokerRequestMost];
    const std::string_view second = second_of(op);
    const size_t length = encode_request(header, path, second, buffer);
    ASSERT_EQ(length, sizeof(header) + path.size() + second.size());
    const test::ExactBlock block({buffer, length});
    const auto decoded = decode_request(block.bytes());
    ASSERT_TRUE(decoded.ok()) << static_cast<uint32_t>(op);
    EXPECT_EQ(decoded->path, path);
    EXPECT_EQ(decoded->second, second);
    header.path_length = static_cast<uint32_t>(path.size());
    header.second_length = static_cast<uint32_t>(second.size());
    EXPECT_EQ(std::memcmp(&decoded->header, &header, sizeof(header)), 0);
    // The path is a piece of the message, not a copy.
    if (!path.empty()) {
      EXPECT_GE(reinterpret_cast<const uint8_t*>(decoded->path.data()), block.bytes().data());
    }
  }
}

TEST(BrokerRequest, EncoderRefusesWhatDoesNotFit) {
  uint8_t buffer[kBrokerRequestMost];
  BrokerRequest header{};
  header.op = BrokerOp::kOpen;
  const std::string longest(core::Limits::kPathBytes, 'p');
  EXPECT_EQ(encode_request(header, longest, longest, buffer), kBrokerRequestMost);
  EXPECT_EQ(encode_request(header, longest + 'p', "", buffer), 0u);
  EXPECT_EQ(encode_request(header, "", longest + 'p', buffer), 0u);
  EXPECT_EQ(encode_request(header, "abc", "", {buffer, sizeof(header) + 2}), 0u);
  EXPECT_EQ(encode_request(header, "a", "bc", {buffer, sizeof(header) + 2}), 0u);
  EXPECT_EQ(encode_request(header, "", "", {buffer, sizeof(header) - 1}), 0u);
  EXPECT_EQ(encode_request(header, "", "", {buffer, 0}), 0u);
}

TEST(BrokerRequest, TruncatedTrailingAndMutated) {
  for (const BrokerOp op : kAll) {
    const Bytes message = request(op, takes_path(op) ? "ab/c" : "", second_of(op), flags_of(op));
    ASSERT_EQ(refusal(message).error, 0);
    test::expect_truncations_refused(message, decode_request);
    test::expect_trailing_bytes_refused(message, decode_request);
    test::expect_mutations_survived(message, decode_request, again);
  }
  test::expect_noise_survived(300, decode_request);
}

TEST(BrokerRequest, UnknownOperations) {
  for (const uint32_t op : {0u, static_cast<uint32_t>(BrokerOp::kMakeDevice) + 1, 255u, 0x80000001u, ~0u}) {
    EXPECT_EQ(refusal(request(static_cast<BrokerOp>(op), "", "")).reason, Reason::kProtocol) << op;
  }
}

TEST(BrokerRequest, FlagsOfOtherOperations) {
  for (const BrokerOp op : kAll) {
    for (unsigned bit = 0; bit < 32; ++bit) {
      const uint32_t flag = 1u << bit;
      const auto why = refusal(request(op, "", second_of(op), flag));
      EXPECT_EQ(why.error == 0, (flags_of(op) & flag) != 0)
          << "operation " << static_cast<uint32_t>(op) << " flag " << flag;
    }
  }
}

TEST(BrokerRequest, PathWhereNoneBelongs) {
  for (const BrokerOp op : kAll) {
    EXPECT_EQ(refusal(request(op, "a")).error == 0, takes_path(op)) << static_cast<uint32_t>(op);
  }
}

TEST(BrokerRequest, SecondWhereNoneBelongs) {
  for (const BrokerOp op : kAll) {
    EXPECT_EQ(refusal(request(op, "", "other")).error == 0, takes_second(op)) << static_cast<uint32_t>(op);
    EXPECT_EQ(refusal(request(op, "", "")).error == 0, !takes_second(op)) << static_cast<uint32_t>(op);
  }
}

// What a link says is the application's own affair, up to the length that a call takes.
TEST(BrokerRequest, TextOfALink) {
  for (const std::string& text : {std::string("../../etc/passwd"), std::string("/"), std::string("a//b/"),
                                  std::string(4095, 'x')}) {
    EXPECT_EQ(refusal(request(BrokerOp::kSymlink, "link", text)).error, 0) << text.substr(0, 20);
  }
  for (const std::string& text : {std::string(4096, 'x'), std::string("a\0b", 3), std::string("\0", 1)}) {
    EXPECT_EQ(refusal(request(BrokerOp::kSymlink, "link", text)).reason, Reason::kPathMalformed);
  }
}

TEST(BrokerRequest, HostilePaths) {
  const std::string name256(256, 'n');
  const std::string too_long(8192, 'p');
  std::string deep;
  while (deep.size() < 8192) deep += "d/";
  deep.back() = 'd';  // nothing but its length is wrong
  for (const std::string& path :
       {std::string(".."), std::string("../x"), std::string("a/../b"), std::string("a/.."),
        std::string("."), std::string("./a"), std::string("a/./b"), std::string("/"),
        std::string("/etc/passwd"), std::string("//"), std::string("a//b"), std::string("a/"),
        std::string("a\0b", 3), std::string("\0", 1), std::string("a/b\0", 4), name256,
        "d/" + name256, too_long, deep}) {
    for (const BrokerOp op : kAll) {
      if (!takes_path(op)) continue;
      const auto why = refusal(request(op, path));
      EXPECT_EQ(why.error, EINVAL) << path.substr(0, 20);
      EXPECT_EQ(why.reason, Reason::kPathMalformed) << path.substr(0, 20);
    }
    for (const BrokerOp op : {BrokerOp::kRename, BrokerOp::kLink}) {
      EXPECT_EQ(refusal(request(op, "a", path)).reason, Reason::kPathMalformed) << path.substr(0, 20);
    }
  }
  EXPECT_EQ(refusal(request(BrokerOp::kOpen, std::string(255, 'n'))).error, 0);
  EXPECT_EQ(refusal(request(BrokerOp::kOpen, "...")).error, 0);
  EXPECT_EQ(refusal(request(BrokerOp::kOpen, "..a/.b")).error, 0);
}

TEST(BrokerRequest, LengthsThatLie) {
  for (const uint32_t length : {0u, 3u, 4096u, 0x7fffffffu, 0xfffffff0u, ~0u}) {
    BrokerRequest one{}, two{};
    one.op = BrokerOp::kOpen;
    one.path_length = length;
    EXPECT_EQ(refusal(raw(one, "ab")).reason, Reason::kProtocol) << length;
    two.op = BrokerOp::kRename;
    two.path_length = 1;
    two.second_length = length;
    EXPECT_EQ(refusal(raw(two, "a", "b")).reason, Reason::kProtocol) << length;
  }
}

TEST(BrokerRequest, NegativeNumbers) {
  for (const BrokerOp op : kAll) {
    for (int64_t BrokerRequest::*field :
         {&BrokerRequest::offset, &BrokerRequest::offset2, &BrokerRequest::length}) {
      for (const int64_t value : {int64_t{-1}, INT64_MIN}) {
        BrokerRequest header{};
        header.op = op;
        header.*field = value;
        header.second_length = static_cast<uint32_t>(second_of(op).size());
        EXPECT_EQ(refusal(raw(header, "", second_of(op))).reason, Reason::kProtocol);
      }
    }
  }
}

TEST(BrokerRequest, OnlyThreeKindsAreOneWay) {
  for (const BrokerOp op : kAll) {
    EXPECT_EQ(one_way(op), op == BrokerOp::kDropWrite || op == BrokerOp::kClose || op == BrokerOp::kReadWindow);
  }
}

}  // namespace
}  // namespace sluice::wire
