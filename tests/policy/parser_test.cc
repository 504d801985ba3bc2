// Where a policy is wrong, and in which words.
#include <gtest/gtest.h>

#include "text_policy.h"

namespace sluice::sandbox {
namespace {

const std::string kHead = "default kill\n";

struct Case {
  const char* line;      // line 2 of t.policy
  const char* expected;  // without "t.policy:2:"
};

TEST(Parser, PointsAtTheColumn) {
  const Case cases[] = {
      {"reed", "1: 'reed' is not a system call of x86-64"},
      {"  reed", "3: 'reed' is not a system call of x86-64"},
      {"socketcall", "1: 'socketcall' is not a system call of x86-64"},
      {"3", "1: expected the name of a system call, found '3'"},
      {"read write", "6: unexpected 'write'"},
      {"read when", "10: expected arg0 to arg5, found the end of the line"},
      {"read when arg6 == 1", "11: expected arg0 to arg5, found 'arg6'"},
      {"read when arg == 1", "11: expected arg0 to arg5, found 'arg'"},
      {"read when arg00 == 1", "11: expected arg0 to arg5, found 'arg00'"},
      {"read when arg3 == 1", "11: 'read' has 3 arguments, no arg3"},
      {"read when arg0 = 1", "16: expected '==', '&', '<=' or '>=', found '='"},
      {"read when arg0 != 1", "16: expected '==', '&', '<=' or '>=', found '!'"},
      {"read when arg0 < 1", "16: expected '==', '&', '<=' or '>=', found '<'"},
      {"read when arg0 & 1 <= 1", "20: expected '==', found '<='"},
      {"read when arg0 == ", "19: expected a symbol or a number, found the end of the line"},
      {"read when arg0 == FD_NONE", "19: unknown symbol 'FD_NONE'"},
      {"read when arg0 == 1x", "19: '1x' is not a number of 64 bits"},
      {"read when arg0 == 0x", "19: '0x' is not a number of 64 bits"},
      {"read when arg0 == 08", "19: '08' is not a number of 64 bits"},
      {"read when arg0 == 99999999999999999999",
       "19: '99999999999999999999' is not a number of 64 bits"},
      {"read when arg0 == -1", "19: expected a symbol or a number, found '-'"},
      {"read when arg0 == 1|", "21: expected a symbol or a number, found the end of the line"},
      {"read when arg0 == (1|2", "23: expected ')', found the end of the line"},
      {"read when arg0 & ~1|2 == 0", "20: '~' before '|' is ambiguous: write ~(A|B)"},
      {"read when arg0 == 1 and", "24: expected arg0 to arg5, found the end of the line"},
      {"read when arg0 == 1 or arg0 == 2", "21: unexpected 'or'"},
      {"read # why", "6: a comment stands on a line of its own"},
      {"read when arg0 == 1 # why", "21: a comment stands on a line of its own"},
      {"read when arg0 == 0x100000000", "19: the value does not fit in the 32 bits of arg0"},
      {"read when arg0 & 0x100000001 == 1", "18: the mask does not fit in the 32 bits of arg0"},
      {"umask when arg0 & 0 == 0", "19: an empty mask makes the condition always true"},
      {"read when arg0 & 1 == 2", "23: never true: the value has bits outside of the mask"},
      {"read when arg0 <= 0xffffffff", "11: always true"},
      {"read when arg0 >= 0", "11: always true"},
      {"read when arg1 == 1", "11: arg1 is a pointer: a filter can only compare it with 0"},
      {"read when arg1 & 1 == 0", "11: arg1 is a pointer: a filter can only compare it with 0"},
      {"read when arg0 == 1 and arg0 == 2", "1: never true: the conditions contradict each other"},
      {"statfs when arg0 == 0", "13: the arguments of 'statfs' are not known: add it to calls.cc"},
      {"default kill", "1: 'default' stands once, as the first line"},
      {"include", "8: expected the name of a policy"},
      {"include other more", "15: unexpected 'more'"},
      {"include other", "9: cannot read 'other.policy'"},
      {"include t", "9: 't.policy' is included twice"},
      {"\x01read", "1: expected the name of a system call, found '\x01'"},
  };
  for (const Case& c : cases) {
    const std::string messages = messages_of(kHead + c.line + "\n");
    const std::string first = messages.substr(0, messages.find('\n'));
    EXPECT_EQ(first, std::string("t.policy:2:") + c.expected) << c.line;
  }
}

TEST(Parser, WantsTheDefaultFirst) {
  EXPECT_EQ(messages_of(""), "t.policy:1:1: a policy starts with 'default kill'\n");
  EXPECT_EQ(messages_of("\n# only this\n"), "t.policy:2:1: a policy starts with 'default kill'\n");
  EXPECT_EQ(messages_of("getpid\n"), "t.policy:1:1: a policy starts with 'default kill'\n");
  EXPECT_EQ(messages_of("default allow\n"), "t.policy:1:9: the only default is 'kill'\n");
  EXPECT_EQ(messages_of("default kill all\n"), "t.policy:1:14: unexpected 'all'\n");
  EXPECT_EQ(messages_of("# first\n\ndefault kill\ngetpid\n"), "");
}

TEST(Parser, ReportsEveryLineAndGoesOn) {
  EXPECT_EQ(messages_of("default kill\nreed\ngetpid\nrite\n"),
            "t.policy:2:1: 'reed' is not a system call of x86-64\n"
            "t.policy:4:1: 'rite' is not a system call of x86-64\n");
}

TEST(Parser, NamesTheIncludedFile) {
  EXPECT_EQ(messages_of(kHead + "include base\n", {{"base.policy", "default kill\n\n reed\n"}}),
            "base.policy:3:2: 'reed' is not a system call of x86-64\n");
  EXPECT_EQ(messages_of(kHead + "include base\n", {{"base.policy", "getpid\n"}}),
            "base.policy:1:1: a policy starts with 'default kill'\n");
  EXPECT_EQ(messages_of(kHead + "include a\n", {{"a.policy", "default kill\ninclude t\n"}}),
            "a.policy:2:9: 't.policy' is included twice\n");
}

TEST(Parser, KeepsTextAndReason) {
  Diagnostics diagnostics;
  const Policy policy = policy_of(
      "default kill\n# one\n#   two \nread when  arg0 == 3\nread when arg0 == 6 \n"
      "\nread when arg0 == 7\n# lost\n\ngetpid\n",
      diagnostics);
  ASSERT_TRUE(diagnostics.empty());
  ASSERT_EQ(policy.rules.size(), 4u);
  EXPECT_EQ(policy.name, "t");
  EXPECT_EQ(policy.rules[0].text, "arg0 == 3");
  EXPECT_EQ(policy.rules[0].reason, "one two");
  EXPECT_TRUE(policy.rules[0].own_reason);
  EXPECT_EQ(policy.rules[1].reason, "one two");  // the same call, directly below
  EXPECT_FALSE(policy.rules[1].own_reason);
  EXPECT_EQ(policy.rules[2].reason, "");
  EXPECT_EQ(policy.rules[3].reason, "");
}

TEST(Parser, CutsToTheWidthThatTheKernelReads) {
  Diagnostics diagnostics;
  const Policy policy = policy_of(
      "default kill\n"
      "readlinkat when arg0 == AT_FDCWD\n"
      "getpriority when arg0 & ~(1|2) == 0\n"
      "# why\nmkdirat when arg2 & ~07777 == 0\n"
      "munmap when arg1 & ~0xfff == 0\n",
      diagnostics);
  ASSERT_TRUE(diagnostics.empty());
  EXPECT_EQ(policy.rules[0].conditions[0].value, 0xffffff9cu);
  EXPECT_EQ(policy.rules[0].conditions[0].mask, 0xffffffffu);
  EXPECT_EQ(policy.rules[1].conditions[0].mask, 0xfffffffcu);
  EXPECT_EQ(policy.rules[2].conditions[0].mask, 0xf000u);
  EXPECT_EQ(policy.rules[3].conditions[0].mask, 0xfffffffffffff000u);
}

}  // namespace
}  // namespace sluice::sandbox
