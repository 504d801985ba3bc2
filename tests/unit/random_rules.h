// Random rules and paths, from a seed: few names and many ways to match them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "tests/unit/reference_rules.h"

namespace sluice::test {

class RandomRules {
 public:
  explicit RandomRules(unsigned seed) : random_(seed) {}

  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }

  // The pattern of one name.
  std::string name_pattern();
  // Well-formed, without '!' before it.
  std::string pattern();
  // What hides, and, negated, what shows.
  WrittenRules hiding();
  // Of every effect; each third of them holds for a time within 0..kTimes.
  static constexpr int64_t kTimes = 10;
  WrittenRules rules(bool timed = false);
  std::string path(size_t most_names);

 private:
  Rule effect();

  std::mt19937 random_;
};

}  // namespace sluice::test
