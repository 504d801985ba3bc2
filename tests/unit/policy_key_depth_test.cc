// Keys of very many parts are found before a parser makes as many tables of them.
#include "cli/policy_key_depth.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::cli {
namespace {

// A key of so many parts, which each part and dot stand between.
std::string key_of(size_t parts, const std::string& part, const std::string& dot = ".") {
  std::string key = part;
  for (size_t i = 1; i < parts; ++i) key += dot + part;
  return key;
}
std::string found(const std::string& text) {
  const auto position = find_deep_key(text);
  if (!position) return "none";
  return std::to_string(position->line) + ":" + std::to_string(position->column);
}

TEST(PolicyKeyDepth, TheMostAndOneMore) {
  const std::string parts[] = {"a", "a-b_1", "\"a b\"", "'a.b'", "\"a\\\"b\"", "\"\""};
  for (const std::string& part : parts) {
    for (const std::string dot : {".", " . ", "\t."}) {
      EXPECT_EQ(found(key_of(kMostKeyParts, part, dot) + " = 1"), "none") << part << dot;
      EXPECT_EQ(found(key_of(kMostKeyParts + 1, part, dot) + " = 1"), "1:1") << part << dot;
    }
  }
}

TEST(PolicyKeyDepth, WhereverAKeyMayBe) {
  const std::string deep = key_of(kMostKeyParts + 1, "a");
  EXPECT_EQ(found("x = 1\n  " + deep + " = 1\n"), "2:3");
  EXPECT_EQ(found("x = 1\r\n" + deep + " = 1\n"), "2:1");
  EXPECT_EQ(found("[" + deep + "]\n"), "1:2");
  EXPECT_EQ(found("[[ " + deep + " ]]\n"), "1:4");
  EXPECT_EQ(found("x = { y = 1, " + deep + " = 2 }\n"), "1:14");
  EXPECT_EQ(found("x = [ { " + deep + " = 2 } ]\n"), "1:9");
  EXPECT_EQ(found("\n\n# " + deep + "\n" + deep), "4:1");
  EXPECT_EQ(found("x = \"\"\"\n" + deep + "\"\"\"\n" + deep), "3:1");
  EXPECT_EQ(found("x = \"\\\"\"\n" + deep), "2:1");
  EXPECT_EQ(found("x = '\\'\n" + deep), "2:1");
  EXPECT_EQ(found("x = '''''a'''''\n" + deep), "2:1");
  // Characters are counted, not bytes.
  EXPECT_EQ(found("x = { '\xc3\xa4' = 1, " + deep + " = 2 }"), "1:16");
}

TEST(PolicyKeyDepth, WhatIsNoKey) {
  const std::string deep = key_of(kMostKeyParts + 1, "a");
  const std::string many = key_of(kMostKeyParts + 1, "1.5", ", ");
  const std::string texts[] = {"# " + deep, "x = \"" + deep + "\"", "x = '" + deep + "'",
                               "x = \"\"\"\n" + deep + "\n\"\"\"", "x = '''\n" + deep + "\n'''",
                               "x = [\"" + deep + "\", '" + deep + "']", "x = [" + many + "]",
                               "", "\"", "'''", "\"\\"};
  for (const std::string& text : texts) EXPECT_EQ(found(text), "none") << text;
}

}  // namespace
}  // namespace sluice::cli
