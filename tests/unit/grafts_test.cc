// Which tree a path is in, and which lists of grafts are taken from a message.
#include "core/grafts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wire/graft_list.h"
#include "wire/graft_writer.h"

namespace sluice::core {
namespace {

using Grafts = std::vector<Graft>;

TEST(Grafts, PlaceOfAPath) {
  const Grafts grafts = {{"a", false}, {"a-b", true}, {"a/in", false}, {"lib/x", true}};
  const struct {
    std::string_view path;
    uint32_t root;
    std::string_view rest;
  } cases[] = {
      {"", 0, ""},          {"b", 0, "b"},          {"a", 1, ""},        {"a/b/c", 1, "b/c"},
      {"a-b", 2, ""},       {"a-b/in", 2, "in"},    {"a-", 0, "a-"},     {"ab", 0, "ab"},
      {"a/in", 3, ""},      {"a/in/z", 3, "z"},     {"a/inn", 1, "inn"}, {"lib", 0, "lib"},
      {"lib/x/y", 4, "y"},  {"lib/xy", 0, "lib/xy"},
  };
  for (const auto& c : cases) {
    const Place place = place_of(grafts, c.path);
    EXPECT_EQ(place.root, c.root) << c.path;
    EXPECT_EQ(place.rest, c.rest) << c.path;
  }
}

TEST(Grafts, WhatIsNoList) {
  EXPECT_TRUE(valid_grafts({}));
  EXPECT_TRUE(valid_grafts(Grafts{{"a", false}, {"a/b", true}}));
  for (const char* at : {"", "/a", "a/", "a//b", ".", "..", "a/..", "a/./b"}) {
    EXPECT_FALSE(valid_grafts(Grafts{{at, false}})) << at;
  }
  EXPECT_FALSE(valid_grafts(Grafts{{std::string("a\0b", 3), false}}));
  EXPECT_FALSE(valid_grafts(Grafts{{"a", false}, {"a", true}}));   // two at one place
  EXPECT_FALSE(valid_grafts(Grafts{{"b", false}, {"a", false}}));  // not in order
  Grafts many;
  for (size_t i = 0; i < kMostGrafts; ++i) many.push_back({std::string(1, static_cast<char>('a' + i)), false});
  EXPECT_TRUE(valid_grafts(many));
  many.push_back({"z", false});
  EXPECT_FALSE(valid_grafts(many));
}

TEST(Grafts, InAMessage) {
  const Grafts grafts = {{"a", true}, {"b/c", false}};
  wire::Writer writer;
  wire::put_grafts(writer, grafts);
  const std::vector<uint8_t> message = writer.finish();
  wire::Reader reader(message);
  const auto taken = wire::take_grafts(reader);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(*taken, grafts);
  EXPECT_TRUE(reader.finished());
  for (size_t length = 0; length < message.size(); ++length) {
    wire::Reader cut({message.data(), length});
    const auto part = wire::take_grafts(cut);
    EXPECT_TRUE(!part.ok() || !cut.ok()) << length;
  }
  for (const auto& [at, value] : {std::pair{0, 16}, {4, 2}, {12, '/'}}) {  // number, read-only, place
    std::vector<uint8_t> bad = message;
    bad[static_cast<size_t>(at)] = static_cast<uint8_t>(value);
    wire::Reader changed(bad);
    EXPECT_FALSE(wire::take_grafts(changed).ok()) << at;
  }
}

}  // namespace
}  // namespace sluice::core
