// The bytes of compiled rules: what the privileged processes take, and what they refuse.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "core/matcher.h"
#include "tests/unit/decoder_checks.h"
#include "tests/unit/random_rules.h"

namespace sluice::core {
namespace {

using std::string_view_literals::operator""sv;
using test::Bytes;
using test::must_compile;
using test::WrittenRules;

// Says what a compiler would not.
class Encoded {
 public:
  Encoded& u8(uint64_t value) { return put(value, 1); }
  Encoded& u16(uint64_t value) { return put(value, 2); }
  Encoded& u64(uint64_t value) { return put(value, 8); }
  Encoded& text(std::string_view bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  // So many rules that hide, without anything besides.
  Encoded& rules(size_t count) {
    u16(count);
    for (size_t i = 0; i < count; ++i) u8(1).u8(0);
    return *this;
  }
  Encoded& set(uint64_t low) { return u64(low).u64(0).u64(0).u64(0); }
  Encoded& pattern(size_t shared, size_t count, std::string_view steps, size_t rule) {
    return u16(shared).u16(count).text(steps).u16(rule);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Encoded& put(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  Bytes bytes_;
};

constexpr std::string_view kStar = "\0\0"sv;
constexpr std::string_view kDeep = "\0\1"sv;

int error_of(const Bytes& encoded) {
  const test::ExactBlock block(encoded);
  const auto decoded = Rules::decode(block.bytes());
  if (decoded.ok()) {
    EXPECT_EQ(decoded->bytes(), encoded);
    return 0;
  }
  EXPECT_EQ(decoded.failure().reason, decoded.failure().error == E2BIG ? Reason::kLimitRules : Reason::kRuleSyntax);
  return decoded.failure().error;
}
int error_of(const Encoded& encoded) { return error_of(encoded.bytes()); }

// One rule whose pattern is these steps.
int error_of_steps(size_t count, std::string_view steps) {
  return error_of(Encoded().rules(1).u16(0).pattern(0, count, steps, 0));
}

TEST(Codec, TheBytesAsTheyAreDescribed) {
  const Encoded one = Encoded().rules(1).u16(0).pattern(0, 2, std::string(kDeep) + "a", 0);
  EXPECT_EQ(must_compile({"a"}).bytes(), one.bytes());
  Rule owner{Effect::kOwner, false, 7, 0, 1, 2};
  const Encoded two = Encoded()
                          .u16(2)
                          .u8(2).u8(1)
                          .u8(static_cast<uint64_t>(Effect::kOwner)).u8(2 | 4).u64(7).u64(0).u64(1).u64(2)
                          .u16(1)
                          .set(uint64_t{3} << '0')
                          .pattern(0, 4, "a/\0\4\0"sv.substr(0, 2).data() + std::string("\0\4\0b", 4), 1)
                          .pattern(2, 1, "c", 0);
  const Rules rules = must_compile(WrittenRules{{"!/a/c/"}, {"/a/[01]b", owner}});
  // Sorted: bytes before sets.
  Encoded sorted = Encoded()
                       .u16(2)
                       .u8(2).u8(1)
                       .u8(static_cast<uint64_t>(Effect::kOwner)).u8(2 | 4).u64(7).u64(0).u64(1).u64(2)
                       .u16(1)
                       .set(uint64_t{3} << '0')
                       .pattern(0, 3, "a/c", 0)
                       .pattern(2, 2, std::string("\0\4\0b", 4), 1);
  EXPECT_EQ(rules.bytes(), sorted.bytes());
  EXPECT_EQ(error_of(two), EINVAL);  // the other way round
}

TEST(Codec, ComesBackTheSame) {
  test::RandomRules random(3);
  for (int round = 0; round < 5000; ++round) {
    const WrittenRules written = random.rules(true);
    const Rules rules = must_compile(written);
    const auto decoded = Rules::decode(rules.bytes());
    ASSERT_TRUE(decoded.ok());
    ASSERT_EQ(*decoded, rules);
    ASSERT_EQ(decoded->size(), written.size());
    for (uint16_t i = 1; i <= written.size(); ++i) {
      Rule expected = written[i - 1u].rule;
      if (written[i - 1u].pattern[0] == '!') expected.effect = Effect::kShow;
      expected.directory_only = written[i - 1u].pattern.ends_with('/');
      ASSERT_EQ(decoded->rule(i), expected);
    }
  }
}

TEST(Codec, NoBytesAreNoRules) {
  EXPECT_EQ(error_of(Bytes{}), 0);
  EXPECT_EQ(error_of(Bytes{0}), EINVAL);
  EXPECT_EQ(error_of(Bytes{0, 0}), EINVAL);
  EXPECT_EQ(error_of(Encoded().rules(0).u16(0)), 0);
}

TEST(Codec, Rules) {
  const auto one = [](uint64_t effect, uint64_t parts) {
    Encoded encoded = Encoded().u16(1).u8(effect).u8(parts);
    if ((parts & 2) != 0) encoded.u64(1).u64(0);
    if ((parts & 4) != 0) encoded.u64(5).u64(9);
    return error_of(encoded.u16(0).pattern(0, 1, "a", 0));
  };
  EXPECT_EQ(one(0, 0), EINVAL);
  for (uint64_t effect = 1; effect <= static_cast<uint64_t>(kLastEffect); ++effect) {
    EXPECT_EQ(one(effect, 0), effect == static_cast<uint64_t>(Effect::kDeny) ? EINVAL : 0) << effect;
    EXPECT_EQ(one(effect, 4), effect == static_cast<uint64_t>(Effect::kDeny) ? EINVAL : 0) << effect;
  }
  EXPECT_EQ(one(static_cast<uint64_t>(kLastEffect) + 1, 0), EINVAL);
  EXPECT_EQ(one(255, 0), EINVAL);
  EXPECT_EQ(one(static_cast<uint64_t>(Effect::kDeny), 2), 0);
  EXPECT_EQ(one(static_cast<uint64_t>(Effect::kHide), 2), EINVAL);  // a value that it has no use for
  EXPECT_EQ(one(1, 1), 0);
  for (const uint64_t parts : {8, 16, 32, 64, 128}) EXPECT_EQ(one(1, parts), EINVAL) << parts;
}

TEST(Codec, Count) {
  Encoded most = Encoded().rules(kMaxRules).u16(0);
  for (size_t i = 0; i < kMaxRules; ++i) most.pattern(i == 0 ? 0 : 1, i == 0 ? 1 : 0, i == 0 ? "a" : "", i);
  EXPECT_EQ(error_of(most), 0);
  Encoded more = Encoded().rules(kMaxRules + 1).u16(0);
  for (size_t i = 0; i <= kMaxRules; ++i) more.pattern(i == 0 ? 0 : 1, i == 0 ? 1 : 0, i == 0 ? "a" : "", i);
  EXPECT_EQ(error_of(more), E2BIG);
  EXPECT_EQ(error_of(Bytes{0xff, 0xff}), E2BIG);
}

TEST(Codec, Size) {
  Encoded encoded = Encoded().rules(1).u16(0).u16(0).u16(60000).text(std::string(60000, 'a')).u16(0);
  EXPECT_EQ(error_of(encoded), 0);
  // As many steps as fit, in patterns one below the other.
  Encoded full = Encoded().rules(3).u16(0);
  const size_t steps = kMaxRulesBytes - full.bytes().size() - 3 * 6;
  full.pattern(0, 60000, std::string(60000, 'a'), 0);
  full.pattern(60000, 60000, std::string(60000, 'a'), 1);
  // What is shared is at most 65,535: the last begins a branch.
  full.pattern(0, steps - 120000, std::string(steps - 120000, 'b'), 2);
  ASSERT_EQ(full.bytes().size(), kMaxRulesBytes);
  EXPECT_EQ(error_of(full), 0);
  EXPECT_EQ(error_of(Bytes(kMaxRulesBytes + 1)), E2BIG);
  Bytes longer = full.bytes();
  longer.push_back(0);
  EXPECT_EQ(error_of(longer), E2BIG);
}

TEST(Codec, Sets) {
  const auto with_set = [](uint64_t low, uint64_t used) {
    return error_of(Encoded().rules(1).u16(1).set(low).pattern(0, 1, std::string("\0\4", 2) + static_cast<char>(used), 0));
  };
  EXPECT_EQ(with_set(uint64_t{1} << '0', 0), 0);
  EXPECT_EQ(with_set(0, 0), 0);  // matches nothing
  EXPECT_EQ(with_set(uint64_t{1} << '0', 1), EINVAL);
  EXPECT_EQ(with_set(uint64_t{1} << '0', 255), EINVAL);
  EXPECT_EQ(with_set(uint64_t{1} << '/', 0), EINVAL);
  EXPECT_EQ(with_set(~uint64_t{0}, 0), EINVAL);
  EXPECT_EQ(with_set(1, 0), EINVAL);  // NUL
  for (const int kind : {2, 3, 5, 255}) {  // it is no step of that kind that has a set
    const std::string step = std::string(1, '\0') + static_cast<char>(kind) + std::string(1, '\0');
    EXPECT_EQ(error_of(Encoded().rules(1).u16(1).set(0).pattern(0, 1, step, 0)), EINVAL) << kind;
  }
  Encoded most = Encoded().rules(1).u16(kMaxSets);
  for (size_t i = 0; i < kMaxSets; ++i) most.set(0);
  EXPECT_EQ(error_of(most.pattern(0, 1, "\0\4\xfe"sv, 0)), 0);
  Encoded more = Encoded().rules(1).u16(kMaxSets + 1);
  for (size_t i = 0; i <= kMaxSets; ++i) more.set(0);
  EXPECT_EQ(error_of(more.pattern(0, 1, "\0\4\xff"sv, 0)), E2BIG);
}

TEST(Codec, Steps) {
  EXPECT_EQ(error_of_steps(1, "a"), 0);
  EXPECT_EQ(error_of_steps(0, ""), EINVAL);  // the root has no rule
  EXPECT_EQ(error_of_steps(1, kStar), 0);
  EXPECT_EQ(error_of_steps(1, kDeep), 0);  // useless: matches no valid path
  EXPECT_EQ(error_of_steps(1, "/"), 0);
  for (const int kind : {2, 3, 5, 6, 255}) {
    EXPECT_EQ(error_of_steps(1, std::string(1, '\0') + static_cast<char>(kind) + "a"), EINVAL) << kind;
    EXPECT_EQ(error_of_steps(1, std::string(1, '\0') + static_cast<char>(kind)), EINVAL) << kind;
  }
  const std::string star(kStar), deep(kDeep);
  // Chains of what may stand for nothing.
  EXPECT_EQ(error_of_steps(2, star + star), EINVAL);
  EXPECT_EQ(error_of_steps(2, deep + deep), EINVAL);
  EXPECT_EQ(error_of_steps(2, star + deep), EINVAL);
  EXPECT_EQ(error_of_steps(2, deep + star), 0);
  EXPECT_EQ(error_of_steps(3, deep + star + star), EINVAL);
  EXPECT_EQ(error_of_steps(3, deep + star + deep), EINVAL);
  EXPECT_EQ(error_of_steps(2, "a" + deep), EINVAL);
  EXPECT_EQ(error_of_steps(3, "a/" + deep), 0);
  EXPECT_EQ(error_of_steps(4, "a/" + deep + deep), EINVAL);
  EXPECT_EQ(error_of_steps(5, "a/" + deep + star + "/"), 0);
  EXPECT_EQ(error_of_steps(3, star + "a" + star), 0);
  // A pattern that continues another is in the same tree.
  const auto continued = [&](std::string_view first, std::string_view second) {
    return error_of(Encoded().rules(2).u16(0).pattern(0, 1, first, 0).pattern(1, 1, second, 1));
  };
  EXPECT_EQ(continued(star, star), EINVAL);
  EXPECT_EQ(continued(deep, deep), EINVAL);
  EXPECT_EQ(continued(star, deep), EINVAL);
  EXPECT_EQ(continued(deep, star), 0);
  EXPECT_EQ(continued("a", star), 0);
  EXPECT_EQ(continued("a", deep), EINVAL);
  EXPECT_EQ(continued("/", deep), 0);
}

TEST(Codec, PatternsInOrder) {
  const auto two = [](size_t shared, std::string_view second, size_t first_rule, size_t second_rule) {
    return error_of(Encoded().rules(2).u16(0).pattern(0, 2, "ab", first_rule)
                        .pattern(shared, second.size(), second, second_rule));
  };
  EXPECT_EQ(two(1, "c", 0, 1), 0);
  EXPECT_EQ(two(1, "c", 1, 0), 0);
  EXPECT_EQ(two(2, "c", 0, 1), 0);
  EXPECT_EQ(two(2, "c", 1, 0), 0);
  EXPECT_EQ(two(0, "b", 0, 1), 0);
  EXPECT_EQ(two(1, "b", 0, 1), EINVAL);  // the step is there already
  EXPECT_EQ(two(1, "a", 0, 1), EINVAL);  // unsorted
  EXPECT_EQ(two(0, "ab", 0, 1), EINVAL);
  EXPECT_EQ(two(0, "A", 0, 1), EINVAL);
  EXPECT_EQ(two(0, "/", 0, 1), EINVAL);
  EXPECT_EQ(two(0, kStar.substr(0, 1), 0, 1), EINVAL);
  EXPECT_EQ(two(3, "c", 0, 1), EINVAL);  // more shared than there is
  EXPECT_EQ(two(65535, "c", 0, 1), EINVAL);
  EXPECT_EQ(two(2, "", 0, 1), 0);        // the same pattern, a later rule
  EXPECT_EQ(two(2, "", 1, 0), EINVAL);   // an earlier one: the first would be forgotten
  EXPECT_EQ(two(2, "", 0, 0), EINVAL);
  EXPECT_EQ(two(1, "", 0, 1), 0);        // where no pattern ended yet
  EXPECT_EQ(two(0, "", 0, 1), EINVAL);   // the root
  EXPECT_EQ(two(1, "c", 0, 0), EINVAL);  // placed twice, the other not at all
  EXPECT_EQ(two(1, "c", 0, 2), EINVAL);  // no such rule
  EXPECT_EQ(two(1, "c", 65535, 1), EINVAL);
  EXPECT_EQ(error_of(Encoded().rules(2).u16(0).pattern(0, 1, "a", 0)), EINVAL);  // one unplaced
  // One pattern more than there are rules.
  for (const size_t rule : {0, 1, 2, 10000, 65535}) {
    EXPECT_EQ(error_of(Encoded().rules(2).u16(0).pattern(0, 1, "a", 0).pattern(0, 1, "b", 1).pattern(0, 1, "c", rule)), EINVAL);
  }
  EXPECT_EQ(error_of(Encoded().rules(1).u16(0)), EINVAL);
  EXPECT_EQ(error_of(Encoded().rules(0).u16(0).pattern(0, 1, "a", 0)), EINVAL);
}

// What decodes must be safe to ask, and mean one thing.
void use(const Rules& rules) {
  Matcher matcher(rules, 5);
  for (const std::string_view path : {"a"sv, "a/b/c"sv, "!/ab/aab"sv, "b.key"sv, "a//b"sv, ""sv}) {
    for (const bool directory : {false, true}) {
      const Decision decision = matcher.decide(path).of(directory);
      ASSERT_TRUE(decision.sight == kNoPath || decision.sight <= rules.size());
      ASSERT_EQ(decision.sight == kNoPath, path == "a//b");
      for (const uint16_t term : decision.terms) ASSERT_LE(term, rules.size());
      for (size_t term = 0; term < kTerms; ++term) {
        (void)rules.find(decision, static_cast<Term>(term));
      }
    }
    ASSERT_TRUE(path == "a//b" || matcher.same_below(path, path));
    (void)matcher.same_below(path, "b");
  }
  (void)matcher.set_time(7);
}

TEST(Codec, EveryChangeOfAByte) {
  const std::vector<Rules> originals = {
      must_compile({"a", "!a/b", "/c*/d", "*.key", "[ab]c?/"}),
      must_compile({"a/**", "**/b/*", "***", "*a*b*", "/a/**/b/"}),
      must_compile(WrittenRules{{"a", {Effect::kDeny, false, 13}},
                                {"b*", {Effect::kWindow, false, 4096, 10, 3, 9}},
                                {"/a/b", {Effect::kMode, false, 0700u << 16 | 040}},
                                {"**/a", {Effect::kMask, false, 0, 0, 1, 0}}}),
  };
  size_t taken = 0;
  for (const Rules& original : originals) {
    const Bytes& bytes = original.bytes();
    test::expect_mutations_survived(
        bytes,
        [&](std::span<const uint8_t> mutated) {
          auto decoded = Rules::decode(mutated);
          if (decoded.ok()) use(*decoded), ++taken;
          return decoded;
        },
        [](const Rules& rules) { return rules.bytes(); });
  }
  EXPECT_GT(taken, 1000u / test::stride());
}

TEST(Codec, EveryTruncation) {
  test::RandomRules random(6);
  for (int round = 0; round < 200; ++round) {
    const Bytes bytes = must_compile(random.rules(true)).bytes();
    for (size_t length = 1; length < bytes.size(); ++length) {  // 0 bytes are no rules
      const test::ExactBlock block(std::span<const uint8_t>(bytes).first(length));
      ASSERT_FALSE(Rules::decode(block.bytes()).ok()) << length << " of " << bytes.size();
    }
    test::expect_trailing_bytes_refused(bytes, Rules::decode);
  }
}

TEST(Codec, RandomChanges) {
  test::RandomRules random(4);
  size_t accepted = 0;
  for (size_t round = 0; round < test::part_of(40000); ++round) {
    Bytes encoded = must_compile(random.rules(true)).bytes();
    for (size_t n = 1 + random.below(3); n-- > 0 && !encoded.empty();) {
      const auto at = encoded.begin() + static_cast<std::ptrdiff_t>(random.below(encoded.size()));
      static constexpr std::string_view kLikely = "\0\0\1\1\2\3\4\5/ab*"sv;
      const auto byte = random.below(4) == 0 ? static_cast<uint8_t>(random.below(256))
                                             : static_cast<uint8_t>(kLikely[random.below(kLikely.size())]);
      switch (random.below(8)) {
        case 0: encoded.erase(at); break;
        case 1: encoded.insert(at, byte); break;
        case 2: encoded.resize(random.below(encoded.size())); break;
        case 3: encoded.insert(encoded.end(), encoded.begin(), at); break;
        default: *at = byte;
      }
    }
    const test::ExactBlock block(encoded);
    const auto decoded = Rules::decode(block.bytes());
    if (!decoded.ok() || decoded->empty()) continue;
    ++accepted;
    ASSERT_EQ(decoded->bytes(), encoded);
    use(*decoded);
  }
  EXPECT_GT(accepted, test::part_of(5000));
}

}  // namespace
}  // namespace sluice::core
