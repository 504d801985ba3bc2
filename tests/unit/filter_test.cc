// What each effect does to each operation, and to what it found.
#include "core/filter.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "core/appearance.h"
#include "core/matcher.h"
#include "tests/unit/reference_rules.h"

namespace sluice::core {
namespace {

using test::WrittenRules;

constexpr Operation kAll[] = {Operation::kLook,        Operation::kEnter,       Operation::kRead,
                              Operation::kList,        Operation::kWrite,       Operation::kChange,
                              Operation::kMake,        Operation::kRemove};
constexpr size_t kOperations = std::size(kAll);
static_assert(static_cast<size_t>(Operation::kRemove) + 1 == kOperations);

// The file "x" as these rules, all of them about it, have it.
struct Judged {
  explicit Judged(const WrittenRules& written) : rules(test::must_compile(written)) {
    decision = Matcher(rules, 0).decide("x").file;
  }
  Outcome operator()(Operation operation) const { return before(rules, decision, operation); }
  Rules rules;
  Decision decision;
};

Rule with(Effect effect, uint64_t value = 0, uint64_t value2 = 0) { return {effect, false, value, value2}; }

struct Refusal {
  int error;  // 0: let pass
  Reason reason;
};
constexpr Refusal kPass{0, Reason::kNone};
constexpr Refusal kGone{ENOENT, Reason::kHidden};
constexpr Refusal kDenied{EDOM, Reason::kDenied};
constexpr Refusal kFixed{EROFS, Reason::kReadOnlyRule};

TEST(Before, EveryEffectAndOperation) {
  const struct {
    Rule rule;
    Refusal refusals[kOperations];
  } table[] = {
      //                     look   enter    read     list     write    change   make     remove
      {with(Effect::kHide), {kGone, kGone, kGone, kGone, kGone, kGone, {EACCES, Reason::kHidden}, kGone}},
      {with(Effect::kShow), {}},
      {with(Effect::kDeny, EDOM), {kPass, kDenied, kDenied, kDenied, kDenied, kDenied, kDenied, kDenied}},
      {with(Effect::kReadOnly), {kPass, kPass, kPass, kPass, kFixed, kFixed, kFixed, kFixed}},
      {with(Effect::kReadWrite), {}},
      {with(Effect::kMask), {kPass, kGone, kPass, kPass, kFixed, kFixed, kFixed, kFixed}},
      {with(Effect::kWindow, 1, 2), {kPass, kPass, kPass, kPass, kFixed, kFixed, kFixed, kFixed}},
      {with(Effect::kOwner, 7), {}},
      {with(Effect::kGroup, 7), {}},
      {with(Effect::kMode, 0600), {}},
      {with(Effect::kNoExecute), {}},
      {with(Effect::kExecute), {}},
      {with(Effect::kMostNames, 1), {}},
  };
  ASSERT_EQ(std::size(table), static_cast<size_t>(kLastEffect));
  for (size_t row = 0; row < std::size(table); ++row) {
    ASSERT_EQ(static_cast<size_t>(table[row].rule.effect), row + 1);  // all, each once
    const Judged judged({{"x", table[row].rule}});
    for (size_t i = 0; i < kOperations; ++i) {
      const Refusal& right = table[row].refusals[i];
      const Outcome outcome = judged(kAll[i]);
      EXPECT_EQ(outcome.ok() ? 0 : outcome.failure().error, right.error) << row << " " << i;
      EXPECT_EQ(outcome.ok() ? Reason::kNone : outcome.failure().reason, right.reason) << row << " " << i;
    }
  }
}

// An attribute of which a rule says what it is, and no other, stays that.
TEST(Before, WhatARuleSaysOfAnAttribute) {
  constexpr std::pair<Effect, Term> kSaid[] = {
      {Effect::kOwner, Term::kOwner}, {Effect::kGroup, Term::kGroup}, {Effect::kMode, Term::kMode}};
  for (const auto& [effect, said] : kSaid) {
    const Judged judged({{"x", with(effect, 0)}});
    const Terms terms = judged.rules.resolve(judged.decision);
    for (const auto& [other, attribute] : kSaid) {
      const Outcome outcome = may_change(terms, attribute);
      EXPECT_EQ(outcome.ok(), attribute != said);
      if (!outcome.ok()) {
        EXPECT_EQ(outcome.failure().error, EPERM);
        EXPECT_EQ(outcome.failure().reason, Reason::kOverridden);
      }
    }
  }
}

TEST(Before, WhatIsNoPathIsHidden) {
  const Rules none;
  const Decision decision = Matcher(none, 0).decide("..").file;
  for (const Operation operation : kAll) EXPECT_FALSE(before(none, decision, operation).ok());
}

TEST(Before, WhereNoRuleSaysAnything) {
  const Judged judged({{"other"}});
  for (const Operation operation : kAll) EXPECT_TRUE(judged(operation).ok());
  EXPECT_FALSE(is_read_only(judged.rules.resolve(judged.decision)));
}

// Of the access a file has, the later rule says all; of its sight apart from that.
TEST(Before, TheLaterRule) {
  EXPECT_TRUE(Judged({{"x", with(Effect::kDeny, 1)}, {"x", with(Effect::kReadWrite)}})(Operation::kWrite).ok());
  EXPECT_TRUE(Judged({{"x", with(Effect::kMask)}, {"x", with(Effect::kReadOnly)}})(Operation::kEnter).ok());
  EXPECT_FALSE(Judged({{"x", with(Effect::kReadWrite)}, {"x", with(Effect::kReadOnly)}})(Operation::kWrite).ok());
  EXPECT_FALSE(Judged({{"x"}, {"x", with(Effect::kReadWrite)}})(Operation::kLook).ok());
  EXPECT_FALSE(Judged({{"x", with(Effect::kReadOnly)}, {"!x"}})(Operation::kWrite).ok());
  const Judged owned({{"x", with(Effect::kReadOnly)}, {"x", with(Effect::kOwner, 3)}});
  EXPECT_EQ(owned(Operation::kChange).failure().reason, Reason::kReadOnlyRule);
}

TEST(Before, WhatIsReadOnly) {
  for (size_t effect = 1; effect <= static_cast<size_t>(kLastEffect); ++effect) {
    Rule rule{static_cast<Effect>(effect)};
    if (rule.effect == Effect::kDeny) rule.value = 1;
    const Judged judged({{"x", rule}});
    const bool changes_data = rule.effect == Effect::kDeny || rule.effect == Effect::kMask || rule.effect == Effect::kWindow;
    EXPECT_EQ(is_read_only(judged.rules.resolve(judged.decision)), changes_data || rule.effect == Effect::kReadOnly) << effect;
  }
}

// ---- After ----

constexpr uint32_t kFile = 0100000, kDirectory = 0040000, kLink = 0120000;

Attributes shown(const WrittenRules& written, Attributes attributes) {
  const Judged judged(written);
  after(judged.rules.resolve(judged.decision), &attributes);
  return attributes;
}

void expect_equal(const Attributes& a, const Attributes& b) {
  EXPECT_EQ(a.mode, b.mode);
  EXPECT_EQ(a.uid, b.uid);
  EXPECT_EQ(a.gid, b.gid);
  EXPECT_EQ(a.size, b.size);
  EXPECT_EQ(a.blocks, b.blocks);
}

constexpr Attributes kOfFile{kFile | 04755, 11, 12, 5000, 16};

TEST(After, EveryEffect) {
  for (const Rule& rule : {with(Effect::kShow), with(Effect::kDeny, 1), with(Effect::kReadOnly), with(Effect::kReadWrite),
                           with(Effect::kExecute), with(Effect::kMostNames, 3)}) {
    expect_equal(shown({{"x", rule}}, kOfFile), kOfFile);
  }
  expect_equal(shown({{"x", with(Effect::kOwner, 7)}}, kOfFile), {kFile | 04755, 7, 12, 5000, 16});
  expect_equal(shown({{"x", with(Effect::kOwner, 0)}}, kOfFile), {kFile | 04755, 0, 12, 5000, 16});
  expect_equal(shown({{"x", with(Effect::kGroup, 8)}}, kOfFile), {kFile | 04755, 11, 8, 5000, 16});
  expect_equal(shown({{"x", with(Effect::kMask)}}, kOfFile), {kFile | 04755, 11, 12, 0, 0});
  expect_equal(shown({{"x", with(Effect::kNoExecute)}}, kOfFile), {kFile | 04644, 11, 12, 5000, 16});
  expect_equal(shown({{"x", with(Effect::kNoExecute)}, {"x", with(Effect::kExecute)}}, kOfFile), kOfFile);
  expect_equal(shown({{"x", with(Effect::kOwner, 7)}, {"x", with(Effect::kGroup, 8)}, {"x", with(Effect::kMask)}}, kOfFile),
               {kFile | 04755, 7, 8, 0, 0});
}

TEST(After, Modes) {
  const auto mode = [](uint32_t keep, uint32_t set) {
    return shown({{"x", with(Effect::kMode, uint64_t{keep} << 16 | set)}}, kOfFile).mode;
  };
  EXPECT_EQ(mode(0, 0), kFile);
  EXPECT_EQ(mode(0, 0640), kFile | 0640);
  EXPECT_EQ(mode(07777, 0), kFile | 04755);
  EXPECT_EQ(mode(0700, 0040), kFile | 0740);
  EXPECT_EQ(mode(07777, 07777), kFile | 07777);
  // What cannot be executed cannot, whatever mode it is given.
  EXPECT_EQ(shown({{"x", with(Effect::kNoExecute)}, {"x", with(Effect::kMode, 0777)}}, kOfFile).mode, kFile | 0666);
}

TEST(After, Windows) {
  const auto window = [](uint64_t offset, uint64_t length, uint64_t size) {
    return shown({{"x", with(Effect::kWindow, offset, length)}}, {kFile | 0644, 1, 1, size, 999});
  };
  const struct {
    uint64_t offset, length, size, shown, blocks;
  } cases[] = {
      {0, 10, 100, 10, 1},   {90, 10, 100, 10, 1},  {95, 10, 100, 5, 1},
      {100, 10, 100, 0, 0},  {101, 10, 100, 0, 0},  {INT64_MAX, 0, 100, 0, 0},
      {0, 0, 100, 0, 0},     {1, INT64_MAX - 1, 5000, 4999, 10},
      {0, 512, 5000, 512, 1}, {0, 513, 5000, 513, 2}, {0, 10, 0, 0, 0},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(window(c.offset, c.length, c.size).size, c.shown) << c.offset << " " << c.length;
    EXPECT_EQ(window(c.offset, c.length, c.size).blocks, c.blocks) << c.offset << " " << c.length;
  }
}

TEST(After, OfWhatIsNoRegularFile) {
  const Attributes directory{kDirectory | 0755, 1, 1, 4096, 8};
  expect_equal(shown({{"x", with(Effect::kWindow, 1, 2)}}, directory), directory);
  expect_equal(shown({{"x", with(Effect::kNoExecute)}}, directory), directory);  // it is entered, not executed
  expect_equal(shown({{"x", with(Effect::kMode, 0700)}}, directory), {kDirectory | 0700, 1, 1, 4096, 8});
  expect_equal(shown({{"x", with(Effect::kMask)}}, directory), {kDirectory | 0755, 1, 1, 0, 0});
  const Attributes link{kLink | 0777, 1, 1, 7, 0};
  expect_equal(shown({{"x", with(Effect::kMask)}}, link), {kLink | 0777, 1, 1, 0, 0});
}

}  // namespace
}  // namespace sluice::core
