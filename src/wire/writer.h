// Writing fixed-size structs and counted bytes into a message. PURE.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sluice::wire {

class Writer {
 public:
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>);
    put_bytes({reinterpret_cast<const uint8_t*>(&value), sizeof(T)});
  }
  void put_bytes(std::span<const uint8_t> bytes) {
    const size_t before = out_.size();
    out_.resize(before + bytes.size());
    if (!bytes.empty()) std::memcpy(out_.data() + before, bytes.data(), bytes.size());
  }
  void put_text(std::string_view text) {
    put_bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  std::vector<uint8_t> finish() { return std::move(out_); }

 private:
  std::vector<uint8_t> out_;
};

}  // namespace sluice::wire
