#include "tests/unit/reference_rules.h"

#include <gtest/gtest.h>

#include <cctype>
#include <utility>

namespace sluice::test {

using core::Effect;
using core::Term;

namespace {

// What stands between the brackets, without '!' or '^'.
std::optional<std::bitset<256>> set_of(std::string_view inside) {
  struct Item {
    enum { kByte, kClass, kDash } kind;
    std::string text;
  };
  std::vector<Item> items;
  for (size_t i = 0; i < inside.size();) {
    if (inside[i] == '\\') {
      items.push_back({Item::kByte, std::string(inside.substr(i + 1, 1))});
      i += 2;
    } else if (inside.substr(i, 2) == "[:") {
      const size_t end = inside.find(":]", i + 2);
      if (end == std::string_view::npos) return std::nullopt;
      items.push_back({Item::kClass, std::string(inside.substr(i + 2, end - i - 2))});
      i = end + 2;
    } else {
      items.push_back({inside[i] == '-' ? Item::kDash : Item::kByte, std::string(1, inside[i])});
      ++i;
    }
  }
  std::bitset<256> set;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].kind == Item::kClass) {
      int (*contains)(int) = nullptr;
      if (items[i].text == "alpha") contains = isalpha;
      if (items[i].text == "alnum") contains = isalnum;
      if (items[i].text == "digit") contains = isdigit;
      if (items[i].text == "upper") contains = isupper;
      if (items[i].text == "punct") contains = ispunct;
      if (contains == nullptr) return std::nullopt;
      for (int c = 0; c < 256; ++c) {
        if (contains(c) != 0) set.set(static_cast<size_t>(c));
      }
      continue;
    }
    const auto low = static_cast<uint8_t>(items[i].text[0]);
    auto high = low;
    if (i + 2 < items.size() && items[i + 1].kind == Item::kDash) {
      if (items[i + 2].kind == Item::kClass) return std::nullopt;
      high = static_cast<uint8_t>(items[i + 2].text[0]);
      if (high < low) return std::nullopt;
      i += 2;
    }
    for (size_t c = low; c <= high; ++c) set.set(c);
  }
  return set;
}

// The offset of the bracket that closes the one before `begin`: the first ']' that is neither first,
// nor escaped, nor of a class.
std::optional<size_t> end_of_bracket(std::string_view pattern, size_t begin) {
  for (size_t end = begin;;) {
    if (end >= pattern.size()) return std::nullopt;
    const std::string_view two = pattern.substr(end, 2);
    if (pattern[end] == ']' && end != begin) return end;
    if (two == "[." || two == "[=") return std::nullopt;
    if (two == "[:") {
      end = pattern.find(":]", end + 2);
      if (end == std::string_view::npos) return std::nullopt;
      end += 2;
    } else {
      end += pattern[end] == '\\' ? 2 : 1;
    }
  }
}

using Names = std::vector<std::string>;

bool names_match(const Names& pattern, size_t p, const Names& names, size_t n) {
  if (p == pattern.size()) return n == names.size();
  const bool any_depth = pattern[p].size() >= 2 && pattern[p].find_first_not_of('*') == std::string::npos;
  if (any_depth && p + 1 == pattern.size()) return n < names.size();
  if (any_depth) {
    return names_match(pattern, p + 1, names, n) ||
           (n < names.size() && names_match(pattern, p, names, n + 1));
  }
  return n < names.size() && name_matches(*tokens_of(pattern[p]), 0, names[n]) &&
         names_match(pattern, p + 1, names, n + 1);
}

bool rule_matches(std::string_view pattern, const Names& names, bool directory) {
  if (pattern[0] == '!') pattern.remove_prefix(1);
  if (pattern.ends_with('/')) {
    if (!directory) return false;
    pattern.remove_suffix(1);
  }
  // Without a '/' it is about the last name alone.
  if (pattern.find('/') == std::string_view::npos) return names_match({std::string(pattern)}, 0, {names.back()}, 0);
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  return names_match(split(pattern), 0, names, 0);
}

Effect effect_of(const Written& written) {
  return written.pattern[0] == '!' ? Effect::kShow : written.rule.effect;
}

}  // namespace

WrittenRules hiding(const std::vector<std::string>& patterns) {
  WrittenRules rules;
  for (const std::string& pattern : patterns) rules.push_back({pattern});
  return rules;
}

namespace {
std::variant<Rules, RuleError> compiled(const WrittenRules& rules) {
  std::vector<core::WrittenRule> written;
  for (const Written& each : rules) written.push_back({each.pattern, each.rule});
  return core::compile(written);
}
}  // namespace

Rules must_compile(const WrittenRules& rules) {
  auto result = compiled(rules);
  if (const auto* error = std::get_if<RuleError>(&result)) {
    ADD_FAILURE() << text_of(rules) << "rule " << error->rule << ": " << error->error.what;
    return Rules();
  }
  return std::get<Rules>(std::move(result));
}
Rules must_compile(const std::vector<std::string>& hide) { return must_compile(hiding(hide)); }

std::optional<RuleError> error_of(const WrittenRules& rules) {
  const auto result = compiled(rules);
  const auto* error = std::get_if<RuleError>(&result);
  return error == nullptr ? std::nullopt : std::optional(*error);
}

std::string text_of(const WrittenRules& rules) {
  std::string all;
  for (const Written& each : rules) {
    all += "{" + each.pattern + " " + std::to_string(static_cast<int>(each.rule.effect));
    if (each.rule.value != 0) all += "=" + std::to_string(each.rule.value);
    if (each.rule.from != 0) all += " from " + std::to_string(each.rule.from);
    if (each.rule.until != 0) all += " until " + std::to_string(each.rule.until);
    all += "} ";
  }
  return all;
}

std::optional<std::vector<Token>> tokens_of(std::string_view pattern) {
  std::vector<Token> tokens;
  while (!pattern.empty()) {
    Token token;
    size_t used = 1;
    if (pattern[0] == '*') {
      token.star = true;
    } else if (pattern[0] == '?') {
      token.set.set();
    } else if (pattern[0] == '\\') {
      if (pattern.size() < 2) return std::nullopt;
      token.set.set(static_cast<uint8_t>(pattern[1]));
      used = 2;
    } else if (pattern[0] == '[') {
      const size_t begin = pattern.size() > 1 && (pattern[1] == '!' || pattern[1] == '^') ? 2 : 1;
      const auto end = end_of_bracket(pattern, begin);
      if (!end) return std::nullopt;
      const auto set = set_of(pattern.substr(begin, *end - begin));
      if (!set) return std::nullopt;
      token.set = begin == 1 ? *set : ~*set;
      used = *end + 1;
    } else {
      token.set.set(static_cast<uint8_t>(pattern[0]));
    }
    tokens.push_back(token);
    pattern.remove_prefix(used);
  }
  return tokens;
}

bool name_matches(const std::vector<Token>& tokens, size_t from, std::string_view name) {
  if (from == tokens.size()) return name.empty();
  if (tokens[from].star) {
    return name_matches(tokens, from + 1, name) ||
           (!name.empty() && name_matches(tokens, from, name.substr(1)));
  }
  return !name.empty() && tokens[from].set[static_cast<uint8_t>(name[0])] &&
         name_matches(tokens, from + 1, name.substr(1));
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Decision reference_decide(const WrittenRules& rules, std::string_view path, bool is_directory,
                          int64_t now) {
  Decision decision;
  if (path.empty()) return decision;
  Names names;
  const Names all = split(path);
  for (const std::string& name : all) {
    names.push_back(name);
    const bool directory = is_directory || names.size() < all.size();
    decision.sight = 0;
    for (size_t i = 0; i < rules.size(); ++i) {
      const Rule& rule = rules[i].rule;
      if (now < rule.from || (rule.until != 0 && now >= rule.until)) continue;
      if (!rule_matches(rules[i].pattern, names, directory)) continue;
      const auto number = static_cast<uint16_t>(i + 1);
      const Effect effect = effect_of(rules[i]);
      if (is_about_sight(effect)) {
        decision.sight = number;  // the last one of this level
      } else {
        uint16_t& term = decision.terms[static_cast<size_t>(term_of(effect))];
        if (number > term) term = number;  // the last one of all levels
      }
    }
    if (decision.sight != 0 && effect_of(rules[decision.sight - 1u]) == Effect::kHide) break;
    const uint16_t access = decision.term(Term::kAccess);
    if (access == 0) continue;
    const Effect effect = effect_of(rules[access - 1u]);
    if (names.size() < all.size() && (effect == Effect::kDeny || effect == Effect::kMask)) {
      decision.sight = 0;  // what is below is not looked at any more
      break;
    }
  }
  return decision;
}

}  // namespace sluice::test
