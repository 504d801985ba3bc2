// Keys of very many parts, found before the text is parsed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::cli {

// What a policy has are two, as in window.length. The parser makes a table of each part in that of
// the one before, and goes into as many to the end of it: of tens of thousands the stack is too
// small.
inline constexpr size_t kMostKeyParts = 16;

struct TextPosition {
  uint32_t line;
  uint32_t column;  // in characters, as the parser counts
};
// Where the first key of more parts begins. In text that is no TOML, of what stands before its
// first error: behind that the parser does not get.
std::optional<TextPosition> find_deep_key(std::string_view text);

}  // namespace sluice::cli
