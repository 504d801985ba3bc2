// What every decoder must do with bytes that somebody else chose.
//
// Each variant of a message lies in a heap block of exactly its size, so that AddressSanitizer sees
// the first byte that is read behind it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tests/unit/effort.h"

namespace sluice::test {

using Bytes = std::vector<uint8_t>;

// A block of exactly these bytes: a std::vector may have spare capacity behind them.
class ExactBlock {
 public:
  explicit ExactBlock(std::span<const uint8_t> bytes)
      : memory_(new uint8_t[bytes.size()]), size_(bytes.size()) {
    if (size_ != 0) std::memcpy(memory_.get(), bytes.data(), size_);
  }
  std::span<const uint8_t> bytes() const { return {memory_.get(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  size_t size_;
};

// decode(bytes) -> Result<T>.
template <typename Decode>
void expect_truncations_refused(const Bytes& message, Decode decode) {
  for (size_t length = 0; length < message.size(); ++length) {
    const ExactBlock block(std::span<const uint8_t>(message).first(length));
    EXPECT_FALSE(decode(block.bytes()).ok()) << "cut to " << length << " of " << message.size();
  }
}

template <typename Decode>
void expect_trailing_bytes_refused(const Bytes& message, Decode decode) {
  for (const size_t extra : {1, 2, 4, 8, 64, 4096}) {
    for (const uint8_t fill : {uint8_t{0}, uint8_t{0xff}}) {
      Bytes longer = message;
      longer.resize(message.size() + extra, fill);
      const ExactBlock block(longer);
      EXPECT_FALSE(decode(block.bytes()).ok()) << extra << " more bytes of " << int{fill};
    }
  }
}

// Every value of every byte, but for what effort.h leaves out. A message that is taken all the same must have one spelling
// only: again(value) is what the encoder makes of what was decoded.
template <typename Decode, typename Again>
void expect_mutations_survived(const Bytes& message, Decode decode, Again again) {
  for (size_t at = 0; at < message.size(); ++at) {
    for (size_t change = 1 + at % stride(); change < 256; change += stride()) {
      Bytes mutated = message;
      mutated[at] = static_cast<uint8_t>(mutated[at] ^ static_cast<uint8_t>(change));
      const ExactBlock block(mutated);
      const auto decoded = decode(block.bytes());
      if (!decoded.ok()) {
        ASSERT_NE(decoded.failure().error, 0) << "byte " << at << " changed by " << change;
        continue;
      }
      ASSERT_EQ(again(*decoded), mutated) << "byte " << at << " changed by " << change;
    }
  }
}

// Nonsense of every length up to `most`, from a fixed seed.
template <typename Decode>
void expect_noise_survived(size_t most, Decode decode) {
  uint64_t state = 0x9E3779B97F4A7C15u;
  for (size_t length = 0; length <= most; ++length) {
    Bytes noise(length);
    for (uint8_t& byte : noise) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      byte = static_cast<uint8_t>(state >> 56);
    }
    const ExactBlock block(noise);
    (void)decode(block.bytes()).ok();
  }
}

// A copy with the value at `offset` replaced.
template <typename T>
Bytes with(const Bytes& message, size_t offset, T value) {
  Bytes changed = message;
  std::memcpy(changed.data() + offset, &value, sizeof(T));
  return changed;
}

}  // namespace sluice::test
