// What people write in a policy for modes, errors, times and sizes, and what was meant by a slip.
#include "cli/policy_values.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "cli/suggestion.h"

namespace sluice::cli {
namespace {

// As chmod(1) changes a mode.
uint32_t applied(std::string_view text, uint32_t before) {
  const auto mode = parse_mode(text);
  EXPECT_TRUE(mode.ok()) << text << ": " << mode.status();
  return mode.ok() ? (before & mode->keep) | mode->set : ~0u;
}

TEST(Modes, AsChmodHasThem) {
  struct Case {
    std::string_view text;
    uint32_t before;
    uint32_t after;
  };
  constexpr Case kCases[] = {
      {"0640", 07777, 0640},       {"640", 0, 0640},         {"0", 07777, 0},
      {"7777", 0, 07777},          {"go-rwx", 0755, 0700},   {"go-rwx", 06755, 06700},
      {"u+x", 0644, 0744},         {"+x", 0644, 0755},       {"a+x", 0644, 0755},
      {"-w", 0666, 0444},          {"a=r", 0777, 0444},      {"=", 0777, 0},
      {"u=rw,g=r,o=", 0777, 0640}, {"u=rwx,go=rx", 0, 0755}, {"u+rw-x", 0111, 0611},
      {"ug+s", 0755, 06755},       {"u+s", 0755, 04755},     {"g+s", 0755, 02755},
      {"+t", 0777, 01777},         {"a-st", 07777, 0777},    {"o=", 01777, 01770},
      {"u=", 04755, 04055},        {"o+w,o-w", 0666, 0664},  {"u+", 0644, 0644},
  };
  for (const Case& one : kCases)
    EXPECT_EQ(applied(one.text, one.before), one.after) << one.text << " of " << one.before;
}

TEST(Modes, OfTheRule) {
  EXPECT_EQ(parse_mode("go-rwx")->value(), 07700u << 16);
  EXPECT_EQ(parse_mode("0640")->value(), 0640u);
  EXPECT_EQ(parse_mode("u+x")->value(), 07777u << 16 | 0100u);
}

TEST(Modes, Refused) {
  for (const std::string_view text :
       {"", "8", "0888", "17777", "99999999999999999999", "u", "rwx", "u+q", "u+x,", ",u+x", "g=u",
        "a+X", "u+x g+x", "z+x", "0640 "}) {
    EXPECT_FALSE(parse_mode(text).ok()) << text;
  }
  EXPECT_FALSE(parse_mode(std::string_view("u\0", 2)).ok());
  EXPECT_FALSE(parse_mode(std::string_view("+x\0", 3)).ok());
}

TEST(Errors, ByName) {
  EXPECT_EQ(*parse_errno("EACCES"), EACCES);
  EXPECT_EQ(*parse_errno("ENOENT"), ENOENT);
  EXPECT_EQ(*parse_errno("EHWPOISON"), EHWPOISON);
  EXPECT_EQ(*parse_errno("EWOULDBLOCK"), EAGAIN);
  for (const std::string_view text : {"", "0", "13", "eacces", "EACCES ", "E", "EACCESS"})
    EXPECT_FALSE(parse_errno(text).ok()) << text;
  EXPECT_EQ(errno_name(EACCES), "EACCES");
  EXPECT_EQ(errno_name(0), "0");
  for (int error = 1; error <= 133; ++error) {
    const std::string name = errno_name(error);
    if (name.front() == 'E') {
      EXPECT_EQ(*parse_errno(name), error) << name;
    }
  }
}

TEST(Sizes, InBytesAndUnits) {
  EXPECT_EQ(*parse_size("0"), 0u);
  EXPECT_EQ(*parse_size("4096"), 4096u);
  EXPECT_EQ(*parse_size("4KiB"), 4096u);
  EXPECT_EQ(*parse_size("1MiB"), 1u << 20);
  EXPECT_EQ(*parse_size("3GiB"), uint64_t{3} << 30);
  EXPECT_EQ(*parse_size("1TiB"), uint64_t{1} << 40);
  EXPECT_EQ(*parse_size("9223372036854775807"), uint64_t{INT64_MAX});
  for (const std::string_view text :
       {"", "KiB", "-1", "+1", "1k", "1 KiB", "4KB", "9223372036854775808", "9007199254740992KiB",
        "18446744073709551616", "0x10"}) {
    EXPECT_FALSE(parse_size(text).ok()) << text;
  }
}

TEST(Durations, FromNothingToADay) {
  EXPECT_EQ(*parse_duration("t", "0s"), 0u);
  EXPECT_EQ(*parse_duration("t", "500ms"), 500u);
  EXPECT_EQ(*parse_duration("t", "1m"), 60000u);
  EXPECT_EQ(*parse_duration("t", "24h"), 86400000u);
  EXPECT_EQ(*parse_duration("t", "1d"), 86400000u);
  for (const std::string_view text :
       {"", "1", "s", "-1s", "1.5s", "25h", "2d", "99999999999s", "86400001ms"}) {
    EXPECT_FALSE(parse_duration("t", text).ok()) << text;
  }
}

TEST(Users, ByNumberAndName) {
  EXPECT_EQ(*parse_user("root"), 0u);
  EXPECT_EQ(*parse_group("root"), 0u);
  EXPECT_EQ(*parse_user("0"), 0u);
  EXPECT_EQ(*parse_user("4294967294"), 4294967294u);
  for (const std::string_view text :
       {std::string_view(""), std::string_view("4294967295"), std::string_view("4294967296"),
        std::string_view("no such user"), std::string_view("root\0x", 6)}) {
    EXPECT_FALSE(parse_user(text).ok()) << text;
    EXPECT_FALSE(parse_group(text).ok()) << text;
  }
}

TEST(Quotes, LongAndUnprintable) {
  EXPECT_EQ(in_quotes("a\n"), "\"a\\x0a\"");
  EXPECT_EQ(in_quotes(std::string(200, 'a')), "\"" + std::string(200, 'a') + "\"");
  EXPECT_EQ(in_quotes(std::string(201, 'a')), "\"" + std::string(200, 'a') + "...\"");
}

TEST(Suggestions, TheNearestThatIsNear) {
  const std::vector<std::string_view> known = {"hide",   "read-only", "read-write",
                                               "access", "path",      "paths"};
  EXPECT_EQ(nearest("hid", known), "hide");
  EXPECT_EQ(nearest("hdie", known), "hide");  // two letters swapped
  EXPECT_EQ(nearest("HIDE", known), "hide");
  EXPECT_EQ(nearest("readonly", known), "read-only");
  EXPECT_EQ(nearest("pathes", known), "paths");
  EXPECT_EQ(nearest("acces", known), "access");
  for (const std::string_view word : {"", "x", "xy", "fnord", "window"})
    EXPECT_EQ(nearest(word, known), "") << word;
  EXPECT_EQ(nearest(std::string(1000000, 'a'), known), "");
  EXPECT_EQ(did_you_mean("hid", known, "other"), "did you mean \"hide\"?");
  EXPECT_EQ(did_you_mean("fnord", known, "other"), "other");
}

}  // namespace
}  // namespace sluice::cli
