#include "tests/integration/model/outcome.h"

#include <cstring>

namespace sluice::model {
namespace {

constexpr size_t kShown = 160;

bool is_text(std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte < ' ' || byte > '~') return false;
  }
  return true;
}

}  // namespace

std::string escaped(std::string_view bytes, size_t most) {
  if (bytes.size() > most) {
    const size_t half = most / 2;
    return escaped(bytes.substr(0, half)) + "..." + std::to_string(bytes.size()) + "..." +
           escaped(bytes.substr(bytes.size() - half));
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    if (value >= ' ' && value <= '~') {
      if (byte == '\\' || byte == '"') out += '\\';
      out += byte;
    } else {
      out += "\\x";
      out += kDigits[value >> 4];
      out += kDigits[value & 15];
    }
  }
  return out;
}

std::string hex_hash(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016lx", static_cast<unsigned long>(hash));
  return text;
}

std::string show(const Outcome& outcome) {
  std::string out = std::to_string(outcome.value);
  if (outcome.error != 0) {
    const char* name = ::strerrorname_np(outcome.error);
    out += std::string(" ") + (name != nullptr ? name : std::to_string(outcome.error).c_str());
  }
  if (outcome.data.empty()) return out;
  if (outcome.data.size() <= kShown || is_text(outcome.data)) {
    return out + " \"" + escaped(outcome.data, 600) + "\"";
  }
  return out + " " + std::to_string(outcome.data.size()) + " bytes, hash " +
         hex_hash(outcome.data) + " \"" + escaped(outcome.data, 40) + "\"";
}

std::string pattern(uint64_t seed, size_t length) {
  std::string out(length, '\0');
  uint64_t state = seed * 2 + 1;
  for (size_t i = 0; i < length; ++i) {
    if (i % 61 == 0) state = state * 6364136223846793005 + 1442695040888963407;
    out[i] = static_cast<char>('a' + (state >> 59) % 26);
  }
  return out;
}

}  // namespace sluice::model
