#include "core/path.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::core {
namespace {

using std::string_view_literals::operator""sv;

TEST(ValidName, AcceptsWhatADirectoryCanHold) {
  for (const std::string_view name :
       {"a"sv, "..."sv, ".a"sv, "a."sv, "..a"sv, " "sv, "\n"sv, "\\"sv, "*"sv, "\xff\xfe"sv}) {
    EXPECT_TRUE(valid_name(name)) << name;
  }
  EXPECT_TRUE(valid_name(std::string(255, 'x')));
}

TEST(ValidName, RefusesWhatItCannot) {
  for (const std::string_view name :
       {""sv, "."sv, ".."sv, "/"sv, "a/b"sv, "a/"sv, "/a"sv, "\0"sv, "a\0"sv, "a\0b"sv}) {
    EXPECT_FALSE(valid_name(name)) << name;
  }
  EXPECT_FALSE(valid_name(std::string(256, 'x')));
}

TEST(ValidRelative, AcceptsTheOneSpelling) {
  for (const std::string_view path : {""sv, "a"sv, "a/b"sv, "a/.../c"sv, ".a/..b"sv, " / "sv}) {
    EXPECT_TRUE(valid_relative(path)) << path;
  }
}

TEST(ValidRelative, RefusesEveryOther) {
  for (const std::string_view path :
       {"/"sv, "//"sv, "/a"sv, "a/"sv, "a//b"sv, "."sv, "./a"sv, "a/."sv, "a/./b"sv, ".."sv,
        "../a"sv, "a/.."sv, "a/../b"sv, "a\0"sv, "a/\0/b"sv}) {
    EXPECT_FALSE(valid_relative(path)) << path;
  }
}

TEST(ValidRelative, LimitsItsLength) {
  std::string path;
  while (path.size() < kMaxPathBytes - 1) path += "a/";
  path += 'a';
  ASSERT_EQ(path.size(), kMaxPathBytes);
  EXPECT_TRUE(valid_relative(path));
  EXPECT_FALSE(valid_relative(path + "a"));
  EXPECT_TRUE(valid_relative(std::string(255, 'x') + "/" + std::string(255, 'y')));
  EXPECT_FALSE(valid_relative("a/" + std::string(256, 'y')));
}

TEST(PopName, SeesEveryComponent) {
  std::string_view path = "a/bb/c";
  std::vector<std::string_view> names;
  while (!path.empty()) names.push_back(pop_name(path));
  EXPECT_EQ(names, (std::vector<std::string_view>{"a", "bb", "c"}));
}

}  // namespace
}  // namespace sluice::core
