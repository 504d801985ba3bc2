// One line of a policy as tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::sandbox {

enum class TokenKind { kWord, kNumber, kSign, kBad, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // kSign: one of == & <= >= | ~ ( ); kBad: the byte that starts no token
  int column = 1;    // from 1
};

// Ends with one kEnd token, or at the first kBad one.
std::vector<Token> tokens_of(std::string_view line);

}  // namespace sluice::sandbox
