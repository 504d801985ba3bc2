#include "cli/mount_field.h"

namespace sluice::cli {
namespace {

bool is_octal(std::string_view digits) {
  return digits.size() == 3 && digits[0] <= '3' && digits.find_first_not_of("01234567") == std::string_view::npos;
}

}  // namespace

std::string unescape_mount_field(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (const auto digits = text.substr(i + 1, 3); text[i] == '\\' && is_octal(digits)) {
      out += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + (digits[2] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace sluice::cli
