// How much is tried of what takes long.
//
// SLUICE_LONG=1: all of it. Otherwise of what chance yields a quarter; and under a sanitizer, where a matcher costs a hundred times
// as much, a sixteenth of that and of what is counted through: the fuzz targets look at the same code with AddressSanitizer.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace sluice::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized =
    __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

inline bool wants_all() {
  const char* wanted = std::getenv("SLUICE_LONG");
  return wanted != nullptr && std::string_view(wanted) == "1";
}

// Of what is counted through, each one that so many lie between.
inline size_t stride() {
  static const size_t stride = kSanitized && !wants_all() ? 16 : 1;
  return stride;
}

// Of so many rounds of chance, or of what so many of them are to come to.
inline size_t part_of(size_t rounds) {
  static const size_t share = wants_all() ? 1 : kSanitized ? 16 : 4;
  return rounds / share;
}

}  // namespace sluice::test
