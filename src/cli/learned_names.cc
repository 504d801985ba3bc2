#include "cli/learned_names.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace sluice::cli {
namespace {

// How many bytes of a character of UTF-8 begin here; 0: none does, or it is a control character.
size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return first < 0x20 || first == 0x7F ? 0 : 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  // Too long a form, a surrogate, or beyond the last character.
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ||
      (first == 0xC2 && second < 0xA0)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string literal(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t length = character_bytes(name);
    if (length == 0) out += '?';
    if (length == 1 && std::string_view("*?[\\").find(name[0]) != std::string_view::npos)
      out += '\\';
    if (length == 1 && name == " ") out += '\\';  // at the end it would not count
    out += name.substr(0, length);
    name.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

std::string literal_path(std::string_view path) {
  std::string out;
  for (;;) {
    const size_t slash = path.find('/');
    absl::StrAppend(&out, "/", literal(path.substr(0, slash)));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

std::string_view ending(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name.size() - dot > 12) return {};
  return name.substr(dot);
}

// What stands for a temporary name the next time, as mkstemp(3) and its like make them; or as it
// is.
std::string temporary(std::string_view name) {
  constexpr size_t kRandom = 6;
  const auto is_random = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const std::string_view end = ending(name);
  std::string_view stem = name.substr(0, name.size() - end.size());
  size_t random = 0;
  bool mixed = false;
  while (random < stem.size() && is_random(stem[stem.size() - 1 - random])) {
    const char c = stem[stem.size() - 1 - random];
    if (random < kRandom) mixed |= (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    ++random;
  }
  // As ".cXXXXXX", where the random part is the ending.
  if (random < kRandom && end.size() == kRandom + 1) return absl::StrCat(literal(stem), ".*");
  if (random < kRandom || !mixed) return literal(name);
  stem.remove_suffix(kRandom);
  if (random == 11 && name.starts_with("tmp")) stem = "tmp";  // and eight, as Python makes them
  return absl::StrCat(literal(stem), "*", literal(end));
}

}  // namespace sluice::cli
