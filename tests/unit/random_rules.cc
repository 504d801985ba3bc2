#include "tests/unit/random_rules.h"

#include <iterator>

namespace sluice::test {

using core::Effect;
using core::kLastEffect;

std::string RandomRules::name_pattern() {
  static constexpr std::string_view kPieces[] = {"a",    "b",     "a",      "b",      "ab",
                                                 "*",    "*",     "?",      "[ab]",   "[!a]",
                                                 "[a-b]", "**",   "\\a",    "\\!",    "c",
                                                 "[^b-]", "[]a]", "[[:alpha:]]", "[[:punct:]a]"};
  if (below(5) == 0) return "**";
  std::string all;
  for (size_t n = 1 + below(2) * below(3); n-- > 0;) all += kPieces[below(std::size(kPieces))];
  return all;
}

std::string RandomRules::pattern() {
  std::string all(below(4) == 0 ? "/" : "");
  all += name_pattern();
  for (size_t more = below(4); more-- > 0;) all += "/" + name_pattern();
  if (below(5) == 0) all += '/';
  return all;
}

WrittenRules RandomRules::hiding() {
  WrittenRules all;
  for (size_t n = 1 + below(4); n-- > 0;) all.push_back({(below(3) == 0 ? "!" : "") + pattern()});
  return all;
}

Rule RandomRules::effect() {
  Rule rule;
  rule.effect = static_cast<Effect>(1 + below(static_cast<size_t>(kLastEffect)));
  switch (rule.effect) {
    case Effect::kDeny: rule.value = 1 + below(133); break;
    case Effect::kWindow: rule.value = below(3), rule.value2 = below(4); break;
    case Effect::kOwner:
    case Effect::kGroup:
    case Effect::kMostNames: rule.value = below(1000); break;
    case Effect::kMode: rule.value = 0700u << 16 | below(01000); break;
    default: break;
  }
  return rule;
}

WrittenRules RandomRules::rules(bool timed) {
  WrittenRules all;
  for (size_t n = 1 + below(7); n-- > 0;) {
    Written written{pattern(), effect()};
    if (written.rule.effect == Effect::kHide && below(3) == 0) written.pattern.insert(0, "!");
    if (timed && below(3) == 0) {
      written.rule.from = static_cast<int64_t>(below(kTimes));
      if (below(2) == 0) {
        written.rule.until = written.rule.from + 1 + static_cast<int64_t>(below(kTimes));
      }
    }
    all.push_back(written);
  }
  return all;
}

std::string RandomRules::path(size_t most_names) {
  static constexpr std::string_view kNames[] = {"a", "b", "ab", "ba", "c", "!", "aab"};
  std::string all(kNames[below(std::size(kNames))]);
  for (size_t n = below(most_names); n-- > 0;) all.append("/").append(kNames[below(std::size(kNames))]);
  return all;
}

}  // namespace sluice::test
