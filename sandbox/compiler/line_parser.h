// Reads the tokens of one line of a policy.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/compiler/lexer.h"
#include "sandbox/compiler/policy.h"

namespace sluice::sandbox {

// Walks along the tokens of one line and reports the first fault in it.
class LineParser {
 public:
  LineParser(std::vector<Token> tokens, Position line, Diagnostics& diagnostics)
      : tokens_(std::move(tokens)), line_(std::move(line)), diagnostics_(diagnostics) {}

  const Token& peek() const { return tokens_[at_]; }
  Token take();
  bool accept(std::string_view text);  // takes the token if it reads so
  Position position(const Token& token) const;

  // Each returns nothing after it reported a fault.
  std::optional<Condition> condition();
  std::optional<uint64_t> value();
  bool end();

  // Always false.
  bool fail(const Token& token, const std::string& message);

 private:
  std::optional<uint64_t> item();
  std::optional<uint64_t> sum();

  std::vector<Token> tokens_;
  size_t at_ = 0;
  Position line_;
  Diagnostics& diagnostics_;
};

}  // namespace sluice::sandbox
