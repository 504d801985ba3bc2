// What every fuzz target shares: the function that it defines, how it says that something is wrong,
// and choices made by the bytes that it is given.
//
// A target is one file: it defines LLVMFuzzerTestOneInput, which returns where all is well and ends
// the process where not. It keeps nothing from one input to the next that an input could notice,
// unless it says so.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace sluice::fuzz {

// What a target has to do before its process ends badly, so that the engine can keep the input.
inline void (*before_the_end)() = nullptr;

[[noreturn]] inline void wrong(const char* what, const char* file, int line) {
  // Not by stdio: a target may have sent what the code under test says elsewhere.
  ::dprintf(2, "%s:%d: does not hold: %s\n", file, line, what);
  if (before_the_end != nullptr) before_the_end();
  std::abort();
}

inline std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Bytes, read as decisions: whatever the engine changes in them, they still decide something. At
// their end every decision is 0.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : rest_(data, size) {}

  bool more() const { return !rest_.empty(); }
  uint8_t byte() { return take<uint8_t>(); }
  bool flag() { return (byte() & 1) != 0; }
  // 0..limit - 1; limit > 0.
  uint32_t below(uint32_t limit) { return (limit <= 256 ? byte() : take<uint16_t>()) % limit; }
  template <typename T>
  T take() {
    T value{};
    const size_t count = std::min(sizeof(T), rest_.size());
    if (count > 0) std::memcpy(&value, rest_.data(), count);
    rest_ = rest_.subspan(count);
    return value;
  }
  template <typename T, size_t N>
  const T& one_of(const T (&list)[N]) {
    return list[below(N)];
  }
  // A number of any size: mostly one at which something changes.
  uint64_t number() {
    static constexpr uint64_t kEdges[] = {
        0,    1,     2,     7,       255,       256,        4095,      4096,
        4097, 65535, 65536, 1 << 20, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
    const uint8_t kind = byte();
    return kind < 192   ? kEdges[kind % std::size(kEdges)]
           : kind < 240 ? take<uint16_t>()
                        : take<uint64_t>();
  }
  std::string_view text(size_t most) {
    const size_t count = std::min<size_t>({byte(), most, rest_.size()});
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return text_of(taken);
  }
  std::span<const uint8_t> rest() { return std::exchange(rest_, {}); }

 private:
  std::span<const uint8_t> rest_;
};

}  // namespace sluice::fuzz

// What has to hold whatever the input is. Not assert(): it is there in every build.
#define FUZZ_HOLDS(condition) \
  ((condition) ? void() : ::sluice::fuzz::wrong(#condition, __FILE__, __LINE__))
