#include "wire/fdinfo.h"

namespace sluice::wire {

std::optional<uint32_t> connection_in_fdinfo(std::string_view text) {
  constexpr std::string_view kKey = "fuse_connection:";
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    // A device's minor number has 20 bits: seven digits.
    if (line.empty() || line.size() > 7) return std::nullopt;
    uint32_t number = 0;
    for (const char c : line) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + static_cast<uint32_t>(c - '0');
    }
    return number == 0 ? std::nullopt : std::optional(number);
  }
  return std::nullopt;
}

}  // namespace sluice::wire
