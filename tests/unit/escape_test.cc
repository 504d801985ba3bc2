// Names that somebody else chose, on one line.
#include "core/escape.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::core {
namespace {

// The way back, as a reader of a log may go it.
std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    EXPECT_EQ(text[i + 1], 'x');
    out += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
    i += 3;
  }
  return out;
}

TEST(Escape, EveryByte) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string in(1, static_cast<char>(byte));
    const std::string out = escaped(in);
    const bool stays = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
    EXPECT_EQ(out.size(), stays ? 1u : 4u) << byte;
    if (stays) {
      EXPECT_EQ(out, in);
    }
    EXPECT_EQ(unescaped(out), in) << byte;
  }
}

TEST(Escape, Examples) {
  EXPECT_EQ(escaped(""), "");
  EXPECT_EQ(escaped("a b"), "a b");
  EXPECT_EQ(escaped("a\nb"), "a\\x0ab");
  EXPECT_EQ(escaped("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(escaped("\\x0a"), "\\x5cx0a");  // not to be taken for a newline
  EXPECT_EQ(escaped("say \"hi\""), "say \\x22hi\\x22");
  EXPECT_EQ(escaped("\xc3\xa9"), "\\xc3\\xa9");
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(escaped("\x7f"), "\\x7f");
}

TEST(Escape, ThereAndBack) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string in(random() % 40, '\0');
    for (char& c : in) c = static_cast<char>(random());
    const std::string out = escaped(in);
    for (const char c : out) ASSERT_TRUE(c >= ' ' && c <= '~' && c != '"');
    ASSERT_EQ(unescaped(out), in);
  }
}

}  // namespace
}  // namespace sluice::core
