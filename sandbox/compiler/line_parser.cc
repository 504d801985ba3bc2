#include "sandbox/compiler/line_parser.h"

#include <charconv>
#include <utility>

#include "sandbox/compiler/symbols.h"

namespace sluice::sandbox {
namespace {

std::string quoted(const Token& token) {
  return token.kind == TokenKind::kEnd ? "the end of the line" : "'" + token.text + "'";
}

std::optional<uint64_t> number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Token LineParser::take() {
  const Token token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool LineParser::accept(std::string_view text) {
  if (peek().kind == TokenKind::kEnd || peek().text != text) return false;
  take();
  return true;
}

Position LineParser::position(const Token& token) const {
  return {line_.file, line_.line, token.column};
}

bool LineParser::fail(const Token& token, const std::string& message) {
  diagnostics_.push_back({position(token), message});
  return false;
}

bool LineParser::end() {
  if (peek().kind == TokenKind::kEnd) return true;
  if (peek().text == "#") return fail(peek(), "a comment stands on a line of its own");
  return fail(peek(), "unexpected " + quoted(peek()));
}

std::optional<Condition> LineParser::condition() {
  const Token arg = take();
  if (arg.kind != TokenKind::kWord || arg.text.size() != 4 || !arg.text.starts_with("arg") ||
      arg.text[3] < '0' || arg.text[3] > '5') {
    fail(arg, "expected arg0 to arg5, found " + quoted(arg));
    return std::nullopt;
  }
  Condition condition;
  condition.arg = static_cast<unsigned>(arg.text[3] - '0');
  condition.at = position(arg);
  if (accept("&")) {
    condition.masked = true;
    condition.mask_at = position(peek());
    const auto mask = value();
    if (!mask) return std::nullopt;
    condition.mask = *mask;
  }
  const Token relation = take();
  if (relation.text == "<=" && !condition.masked) {
    condition.relation = Relation::kAtMost;
  } else if (relation.text == ">=" && !condition.masked) {
    condition.relation = Relation::kAtLeast;
  } else if (relation.text != "==") {
    fail(relation, std::string("expected ") +
                       (condition.masked ? "'=='" : "'==', '&', '<=' or '>='") + ", found " +
                       quoted(relation));
    return std::nullopt;
  }
  condition.value_at = position(peek());
  const auto wanted = value();
  if (!wanted) return std::nullopt;
  condition.value = *wanted;
  return condition;
}

std::optional<uint64_t> LineParser::value() {
  const bool complement = accept("~");
  std::optional<uint64_t> result;
  if (accept("(")) {
    result = sum();
    if (!result) return std::nullopt;
    if (!accept(")")) {
      fail(peek(), "expected ')', found " + quoted(peek()));
      return std::nullopt;
    }
  } else if (complement) {
    result = item();
    if (result && peek().text == "|") {
      fail(peek(), "'~' before '|' is ambiguous: write ~(A|B)");
      return std::nullopt;
    }
  } else {
    result = sum();
  }
  if (!result) return std::nullopt;
  return complement ? ~*result : *result;
}

std::optional<uint64_t> LineParser::sum() {
  auto result = item();
  while (result && accept("|")) {
    const auto more = item();
    if (!more) return std::nullopt;
    result = *result | *more;
  }
  return result;
}

std::optional<uint64_t> LineParser::item() {
  const Token token = take();
  if (token.kind == TokenKind::kNumber) {
    if (const auto value = number(token.text)) return value;
    fail(token, quoted(token) + " is not a number of 64 bits");
  } else if (token.kind == TokenKind::kWord) {
    if (const auto value = symbol_value(token.text)) return value;
    fail(token, "unknown symbol " + quoted(token));
  } else {
    fail(token, "expected a symbol or a number, found " + quoted(token));
  }
  return std::nullopt;
}

}  // namespace sluice::sandbox
