// Reading fixed-size structs and counted bytes from a message. PURE.
//
// A Reader never goes past its bytes: the first read that would fails, and so does each later one,
// so that a decoder may read all fields and check ok() once before it uses any.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace sluice::wire {

// memcpy, also of nothing from nowhere, which memcpy itself does not allow.
inline void copy_text(void* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
}

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  template <typename T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (const auto bytes = take_bytes(sizeof(T)); !bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  std::span<const uint8_t> take_bytes(size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  std::string_view take_text(size_t count) {
    const auto bytes = take_bytes(count);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  bool ok() const { return ok_; }
  // Everything was read, and nothing is left over.
  bool finished() const { return ok_ && rest_.empty(); }

 private:
  std::span<const uint8_t> rest_;
  bool ok_ = true;
};

}  // namespace sluice::wire
