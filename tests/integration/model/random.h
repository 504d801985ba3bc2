// A sequence of numbers that is the same on every machine for the same seed.
#pragma once

#include <cstdint>
#include <random>
#include <span>

namespace sluice::model {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t next() { return engine_(); }
  uint64_t below(uint64_t bound) { return engine_() % bound; }  // bound > 0
  int64_t between(int64_t low, int64_t high) {                  // both included
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low + 1)));
  }
  bool chance(unsigned percent) { return below(100) < percent; }

  template <typename T, size_t N>
  const T& pick(const T (&from)[N]) {
    return from[below(N)];
  }
  template <typename T>
  const T& pick(std::span<const T> from) {
    return from[below(from.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sluice::model
