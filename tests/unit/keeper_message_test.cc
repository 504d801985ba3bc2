#include "wire/keeper_message.h"

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

std::vector<uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

TEST(KeeperMessage, TheOlderOfBothVersionsIsSpoken) {
  EXPECT_EQ(*decode_keeper_hello(encode_keeper_hello()), kKeeperVersion);
  for (const uint32_t later : {kKeeperVersion + 1, ~0u}) {
    auto hello = encode_keeper_hello(later);
    EXPECT_EQ(*decode_keeper_hello(hello), kKeeperVersion) << later;
    hello.insert(hello.end(), 100, 0xff);
    EXPECT_EQ(*decode_keeper_hello(hello), kKeeperVersion) << later;
  }
  const auto none = decode_keeper_hello(encode_keeper_hello(0));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.failure().reason, core::Reason::kVersion);
}

TEST(KeeperMessage, AHelloIsOfItsLength) {
  const auto hello = encode_keeper_hello();
  for (size_t length = 0; length < hello.size(); ++length) EXPECT_FALSE(decode_keeper_hello(std::span(hello).first(length)).ok());
  auto more = hello;
  more.push_back(0);
  EXPECT_FALSE(decode_keeper_hello(more).ok());
  auto other = hello;
  other[0] ^= 1;
  EXPECT_FALSE(decode_keeper_hello(other).ok());
}

TEST(KeeperMessage, AWelcomeIsOfAVersionThatIsKnown) {
  for (const KeeperWelcome& welcome : {KeeperWelcome{false, 0}, KeeperWelcome{false, kMostKept}, KeeperWelcome{true, 0}}) {
    const auto bytes = encode_keeper_welcome(welcome);
    const auto read = decode_keeper_welcome(bytes);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->taken, welcome.taken);
    EXPECT_EQ(read->count, welcome.count);
    for (size_t length = 0; length < bytes.size(); ++length) EXPECT_FALSE(decode_keeper_welcome(std::span(bytes).first(length)).ok());
    auto more = bytes;
    more.push_back(0);
    EXPECT_FALSE(decode_keeper_welcome(more).ok());
  }
  for (const uint32_t version : {0u, kKeeperVersion + 1}) {
    const auto other = decode_keeper_welcome(encode_keeper_welcome({}, version));
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.failure().reason, core::Reason::kVersion) << version;
  }
  EXPECT_FALSE(decode_keeper_welcome(encode_keeper_welcome({false, kMostKept + 1})).ok());
  EXPECT_FALSE(decode_keeper_welcome(encode_keeper_welcome({true, 1})).ok());
  auto neither = encode_keeper_welcome({});
  neither[8] = 2;
  EXPECT_FALSE(decode_keeper_welcome(neither).ok());
  neither = encode_keeper_welcome({});
  neither[0] ^= 1;
  EXPECT_FALSE(decode_keeper_welcome(neither).ok());
}

TEST(KeeperMessage, AnOrderIsWhatAServiceManagerIsToldWordForWord) {
  EXPECT_EQ(keep_words("view-1"), "FDSTORE=1\nFDPOLL=0\nFDNAME=view-1");
  EXPECT_EQ(let_go_words("view-1"), "FDSTOREREMOVE=1\nFDNAME=view-1");
  const auto keep = decode_keeper_order(bytes_of(keep_words("view-1"))), let_go = decode_keeper_order(bytes_of(let_go_words("a.b_C-9")));
  ASSERT_TRUE(keep.ok() && let_go.ok());
  EXPECT_TRUE(keep->keep);
  EXPECT_EQ(keep->name, "view-1");
  EXPECT_FALSE(let_go->keep);
  EXPECT_EQ(let_go->name, "a.b_C-9");
  for (const std::string& name : {std::string(), std::string(kKeptNameMost + 1, 'a'), std::string("a b"), std::string("a\n"),
                                  std::string("a:b"), std::string("a\0b", 3), std::string("\xff")}) {
    EXPECT_FALSE(decode_keeper_order(bytes_of(keep_words(name))).ok()) << name;
    EXPECT_FALSE(decode_keeper_order(bytes_of(let_go_words(name))).ok()) << name;
  }
  for (const char* words : {"", "READY=1", "FDSTORE=1\nFDNAME=view-1", "FDSTORE=1\nFDPOLL=1\nFDNAME=view-1", " FDSTOREREMOVE=1\nFDNAME=a"}) {
    EXPECT_FALSE(decode_keeper_order(bytes_of(words)).ok()) << words;
  }
}

}  // namespace
}  // namespace sluice::wire
