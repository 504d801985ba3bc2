// What a worker says of a recorded view, to a command that believes nothing of it.
#include "wire/touch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/touches.h"

namespace sluice::wire {
namespace {

using cli::Touches;
using Bytes = std::vector<uint8_t>;

Bytes message_of(Way way, std::string_view path, uint8_t is_directory = 0, uint32_t lost = 0) {
  Bytes out(kTouchMost);
  out.resize(encode_touch({0, way, is_directory, lost}, path, out));
  return out;
}
Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Touch, RoundTrip) {
  for (uint32_t way = 1; way < kWays; ++way) {
    for (const std::string& path : {std::string(), std::string("a"), std::string("a/\xff b/c"),
                                    std::string(200, 'x') + "/" + std::string(200, 'y')}) {
      const Bytes message = message_of(static_cast<Way>(way), path, 1, 7);
      const auto touch = decode_touch(message);
      ASSERT_TRUE(touch.ok());
      EXPECT_EQ(touch->length, message.size());
      EXPECT_EQ(touch->path, path);
      EXPECT_EQ(static_cast<uint32_t>(touch->header.way), way);
      EXPECT_EQ(touch->header.is_directory, 1);
      EXPECT_EQ(touch->header.lost, 7u);
    }
  }
}

TEST(Touch, TooLongIsNoMessage) {
  std::string path;
  while (path.size() < kTouchMost - sizeof(TouchHeader)) path += path.size() % 100 == 99 ? '/' : 'a';
  EXPECT_EQ(message_of(Way::kRead, path).size(), kTouchMost);
  EXPECT_TRUE(message_of(Way::kRead, path + "a").empty());
  Bytes little(10);
  EXPECT_EQ(encode_touch({0, Way::kRead, 0, 0}, "abc", little), 0u);
}

TEST(Touch, PiecesAreWaitedFor) {
  const Bytes message = message_of(Way::kRead, "a/b");
  for (size_t length = 0; length < message.size(); ++length) {
    const auto touch = decode_touch(std::span(message).first(length));
    ASSERT_TRUE(touch.ok()) << length;
    EXPECT_EQ(touch->length, 0u) << length;
  }
}

// In a header: length 0, way 2, directory 3.
Bytes changed(size_t at, uint8_t value) {
  Bytes message = message_of(Way::kRead, "a/b");
  message[at] = value;
  return message;
}
TEST(Touch, WaysThatThereAreNot) {
  for (const int way : {0, static_cast<int>(kWays), 255}) {
    EXPECT_FALSE(decode_touch(changed(2, static_cast<uint8_t>(way))).ok()) << way;
  }
}
TEST(Touch, DirectoriesOrNot) { EXPECT_FALSE(decode_touch(changed(3, 2)).ok()); }
TEST(Touch, LengthsThatNoMessageHas) { EXPECT_FALSE(decode_touch(changed(1, 255)).ok()); }
TEST(Touch, PathsThatNoViewHas) {
  for (const char* path : {"/a", "a/", "a//b", "..", "a/../b", ".", "a/."}) {
    EXPECT_FALSE(decode_touch(message_of(Way::kRead, path)).ok()) << path;
  }
  EXPECT_FALSE(decode_touch(message_of(Way::kRead, std::string_view("a\0b", 3))).ok());
  EXPECT_FALSE(decode_touch(message_of(Way::kRead, std::string(256, 'a'))).ok());
}

TEST(Touches, AreGathered) {
  Touches touches;
  const Bytes stream = message_of(Way::kLooked, "a", 1) + message_of(Way::kRead, "a/b") +
                       message_of(Way::kLooked, "", 1) + message_of(Way::kAbsent, "c", 0, 5) +
                       message_of(Way::kWritten, "a/b");
  // However it is cut.
  for (const uint8_t byte : stream) touches.take({&byte, 1});
  ASSERT_EQ(touches.paths().size(), 3u);
  EXPECT_TRUE(touches.paths().at("a").is_directory);
  EXPECT_FALSE(touches.paths().at("a").is_changed());
  EXPECT_TRUE(touches.paths().at("a/b").is_read());
  EXPECT_TRUE(touches.paths().at("a/b").is_changed());
  EXPECT_FALSE(touches.paths().at("c").was_there());
  EXPECT_EQ(touches.lost(), 5u);
}

TEST(Touches, EndWhereTheStreamIsNone) {
  Touches touches;
  touches.take(message_of(Way::kRead, "a") + message_of(Way::kRead, "..") + message_of(Way::kRead, "b"));
  touches.take(message_of(Way::kRead, "c"));
  EXPECT_EQ(touches.paths().size(), 1u);
  EXPECT_GT(touches.lost(), 0u);
}

TEST(Touches, AreBoundedInNumber) {
  Touches touches;
  for (size_t i = 0; i < cli::kMostTouchedPaths + 10; ++i) {
    touches.take(message_of(Way::kRead, std::to_string(i)));
  }
  EXPECT_EQ(touches.paths().size(), cli::kMostTouchedPaths);
  EXPECT_EQ(touches.lost(), 10u);
  touches.take(message_of(Way::kWritten, "1"));  // of what is known, all that comes
  EXPECT_TRUE(touches.paths().at("1").is_changed());
}

TEST(Touches, AreBoundedInLength) {
  Touches touches;
  std::string long_path;
  while (long_path.size() < 4000) long_path += std::string(200, 'x') + "/";
  for (size_t i = 0; i < 2 * cli::kMostTouchedBytes / long_path.size(); ++i) {
    touches.take(message_of(Way::kRead, long_path + std::to_string(i)));
  }
  size_t bytes = 0;
  for (const auto& [path, touched] : touches.paths()) bytes += path.size();
  EXPECT_LE(bytes, cli::kMostTouchedBytes);
  EXPECT_GT(touches.lost(), 0u);
}

}  // namespace
}  // namespace sluice::wire
