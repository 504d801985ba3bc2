// How much of what chance or a counter yields is tried.
//
// SLUICE_LONG=1: all of it. Otherwise a quarter, and under a sanitizer, where a matcher costs a hundred times as much, a
// sixteenth: the fuzz targets look at the same code with AddressSanitizer.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace sluice::test {

inline size_t share() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr size_t kShare = 16;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
  constexpr size_t kShare = 16;
#else
  constexpr size_t kShare = 4;
#endif
#else
  constexpr size_t kShare = 4;
#endif
  static const bool all = std::getenv("SLUICE_LONG") != nullptr;
  return all ? 1 : kShare;
}

// Of so many rounds, or of what so many of them are to come to.
inline size_t part_of(size_t rounds) { return rounds / share(); }

}  // namespace sluice::test
