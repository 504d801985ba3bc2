#include "sandbox/compiler/lexer.h"

#include <cstddef>

namespace sluice::sandbox {
namespace {

// Not isalpha() and its kind: a policy means the same in every locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_word(char c) { return is_letter(c) || is_digit(c) || c == '-'; }

}  // namespace

std::vector<Token> tokens_of(std::string_view line) {
  std::vector<Token> tokens;
  size_t at = 0;
  while (true) {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
    const int column = static_cast<int>(at) + 1;
    if (at == line.size()) {
      tokens.push_back({TokenKind::kEnd, "", column});
      return tokens;
    }
    const char c = line[at];
    size_t length = 1;
    TokenKind kind = TokenKind::kSign;
    if (is_letter(c) || is_digit(c)) {
      kind = is_digit(c) ? TokenKind::kNumber : TokenKind::kWord;
      while (at + length < line.size() && in_word(line[at + length])) ++length;
    } else if (const auto two = line.substr(at, 2); two == "==" || two == "<=" || two == ">=") {
      length = 2;
    } else if (c != '&' && c != '|' && c != '~' && c != '(' && c != ')') {
      kind = TokenKind::kBad;
    }
    tokens.push_back({kind, std::string(line.substr(at, length)), column});
    if (kind == TokenKind::kBad) return tokens;
    at += length;
  }
}

}  // namespace sluice::sandbox
