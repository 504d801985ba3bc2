#include "core/rules.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <utility>

#include "core/path.h"

namespace sluice::core {
namespace {

constexpr size_t kCountBytes = 2;   // u16, little-endian
constexpr size_t kLengthBytes = 2;  // u16, little-endian
static_assert(kMaxRules <= UINT16_MAX && kMaxPatternBytes <= UINT16_MAX && kMaxSegments + 2 <= 64);

PatternError too_big(size_t offset, std::string_view what) {
  return {offset, what, Reason::kLimitRules};
}

bool is_any_depth(std::string_view segment) {
  return segment.size() >= 2 && segment.find_first_not_of('*') == std::string_view::npos;
}

// A space at the end that no backslash keeps: git drops it, and a person does not see it.
bool ends_in_space(std::string_view pattern) {
  if (!pattern.ends_with(' ')) return false;
  pattern.remove_suffix(1);
  const size_t last = pattern.find_last_not_of('\\');
  const size_t backslashes = pattern.size() - (last == std::string_view::npos ? 0 : last + 1);
  return backslashes % 2 == 0;
}

}  // namespace

std::variant<Rules, RuleError> Rules::compile(std::span<const std::string_view> patterns) {
  Rules rules;
  size_t bytes = kCountBytes;
  for (size_t i = 0; i < patterns.size(); ++i) {
    bytes += kLengthBytes + patterns[i].size();
    if (i >= kMaxRules) return RuleError{i, too_big(0, "there are more than 1024 rules")};
    if (bytes > kMaxRulesBytes) return RuleError{i, too_big(0, "the rules exceed 64 KiB")};
    if (const auto error = rules.add(patterns[i])) return RuleError{i, *error};
  }
  return rules;
}

// On failure the object is half changed: compile, the only caller, throws it away.
std::optional<PatternError> Rules::add(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return too_big(kMaxPatternBytes, "the pattern is longer than 4095 bytes");
  }
  if (pattern.find_first_not_of(" \t") == std::string_view::npos) {
    return PatternError{0, "the pattern is blank"};
  }
  if (pattern.front() == '#') return PatternError{0, "a comment is no rule; write \\# for a '#'"};
  if (const size_t nul = pattern.find('\0'); nul != std::string_view::npos) {
    return PatternError{nul, "a pattern cannot contain NUL"};
  }
  if (ends_in_space(pattern)) {
    return PatternError{pattern.size() - 1, "the pattern ends in a space; write '\\ ' to keep it"};
  }

  Rule rule{};
  rule.offset = static_cast<uint32_t>(text_.size());
  rule.length = static_cast<uint32_t>(pattern.size());
  rule.first_segment = static_cast<uint32_t>(segments_.size());
  text_ += pattern;

  std::string_view rest = pattern;
  rule.negated = rest.front() == '!';
  if (rule.negated) rest.remove_prefix(1);
  rule.directory_only = rest.ends_with('/');
  if (rule.directory_only) rest.remove_suffix(1);
  if (rest.empty()) return PatternError{0, "the pattern names nothing"};

  const bool anchored = rest.find('/') != std::string_view::npos;
  if (rest.front() == '/') rest.remove_prefix(1);
  if (std::count(rest.begin(), rest.end(), '/') >= std::ptrdiff_t{kMaxSegments}) {
    return too_big(0, "the pattern has more than 62 components");
  }

  // An unanchored `x` becomes `**/x`, and a final `**` becomes `**/*`: one kind of rule is left.
  const auto push = [&](std::string_view segment) {
    const size_t offset = rule.offset + static_cast<size_t>(segment.data() - pattern.data());
    segments_.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(segment.size())});
    ++rule.segment_count;
  };
  const auto push_any_depth = [&](std::string_view segment) {
    if ((rule.any_depth << 1 & rule.accepting()) != 0) return;  // `**/**` is `**`
    rule.any_depth |= rule.accepting();
    push(segment);
  };
  if (!anchored) push_any_depth(rest.substr(0, 0));
  for (bool more = true; more;) {
    const size_t slash = rest.find('/');
    more = slash != std::string_view::npos;
    const std::string_view segment = rest.substr(0, slash);
    const size_t offset = static_cast<size_t>(segment.data() - pattern.data());
    if (segment.empty()) return PatternError{offset, "there is nothing between two slashes"};
    if (segment == "." || segment == "..") return PatternError{offset, "no name is '.' or '..'"};
    if (is_any_depth(segment)) {
      push_any_depth(segment);
      if (!more) push(segment.substr(0, 1));  // its own first star is the `*`
    } else {
      if (auto error = check_segment(segment)) {
        error->offset += offset;
        return error;
      }
      push(segment);
    }
    if (more) rest.remove_prefix(slash + 1);
  }
  rules_.push_back(rule);
  return std::nullopt;
}

std::vector<uint8_t> Rules::encode() const {
  std::vector<uint8_t> out;
  out.reserve(kCountBytes + rules_.size() * kLengthBytes + text_.size());
  const auto put = [&](size_t value) {
    out.push_back(static_cast<uint8_t>(value & 0xff));
    out.push_back(static_cast<uint8_t>(value >> 8));
  };
  put(size());
  for (size_t i = 0; i < size(); ++i) {
    const std::string_view text = pattern(i);
    put(text.size());
    out.insert(out.end(), text.begin(), text.end());
  }
  return out;
}

Result<Rules> Rules::decode(std::span<const uint8_t> bytes) {
  constexpr Failure kMalformed{EINVAL, Reason::kRuleSyntax};
  constexpr Failure kTooBig{E2BIG, Reason::kLimitRules};
  if (bytes.size() > kMaxRulesBytes) return kTooBig;
  const auto take = [&](size_t& value) {
    if (bytes.size() < 2) return false;
    value = static_cast<size_t>(bytes[0] | bytes[1] << 8);
    bytes = bytes.subspan(2);
    return true;
  };

  size_t count = 0;
  if (!take(count)) return kMalformed;
  if (count > kMaxRules) return kTooBig;
  std::vector<std::string_view> patterns(count);
  for (std::string_view& text : patterns) {
    size_t length = 0;
    if (!take(length) || length > bytes.size()) return kMalformed;
    text = {reinterpret_cast<const char*>(bytes.data()), length};
    bytes = bytes.subspan(length);
  }
  if (!bytes.empty()) return kMalformed;

  auto compiled = compile(patterns);
  if (auto* rules = std::get_if<Rules>(&compiled)) return std::move(*rules);
  const auto* refused = std::get_if<RuleError>(&compiled);
  return refused->error.reason == Reason::kLimitRules ? kTooBig : kMalformed;
}

std::string_view Rules::pattern(size_t index) const noexcept {
  return std::string_view(text_).substr(rules_[index].offset, rules_[index].length);
}

bool Rules::segment_matches(const Rule& rule, size_t index, std::string_view name) const noexcept {
  const Segment& segment = segments_[rule.first_segment + index];
  return glob_segment(std::string_view(text_).substr(segment.offset, segment.length), name);
}

// The states after one more component.
uint64_t Rules::step(const Rule& rule, uint64_t states, std::string_view name) const noexcept {
  uint64_t next = states & rule.any_depth;  // a `**` takes any name and stays
  uint64_t left = states & ~rule.any_depth & ~rule.accepting();
  for (; left != 0; left &= left - 1) {
    const size_t index = static_cast<size_t>(std::countr_zero(left));
    if (segment_matches(rule, index, name)) next |= uint64_t{2} << index;
  }
  return rule.closure(next);
}

// The states after a whole path, which is valid.
uint64_t Rules::walk(const Rule& rule, std::string_view path) const noexcept {
  uint64_t states = rule.closure(1);
  while (!path.empty() && states != 0) states = step(rule, states, pop_name(path));
  return states;
}

std::optional<size_t> Rules::deciding_rule(std::string_view path,
                                           bool is_directory) const noexcept {
  if (!valid_relative(path)) return std::nullopt;
  // All rules advance together, so that each sees each component once, however deep the path.
  std::array<uint64_t, kMaxRules> states;
  for (size_t i = 0; i < size(); ++i) states[i] = rules_[i].closure(1);
  std::optional<size_t> decided;
  while (!path.empty()) {
    const std::string_view name = pop_name(path);
    const bool directory = is_directory || !path.empty();
    decided.reset();
    for (size_t i = 0; i < size(); ++i) {
      states[i] = step(rules_[i], states[i], name);
      const bool matches = (states[i] & rules_[i].accepting()) != 0;
      if (matches && (directory || !rules_[i].directory_only)) decided = i;
    }
    if (decided && !rules_[*decided].negated) return decided;  // and so is all that is below
  }
  return decided;
}

bool Rules::hides(std::string_view path, bool is_directory) const noexcept {
  if (!valid_relative(path)) return true;
  const std::optional<size_t> decided = deciding_rule(path, is_directory);
  return decided && !rules_[*decided].negated;
}

bool Rules::hides_name(std::string_view parent, std::string_view name,
                       bool is_directory) const noexcept {
  if (!valid_relative(parent) || !valid_name(name)) return true;
  if (parent.size() + 1 + name.size() > kMaxPathBytes) return true;
  for (size_t i = size(); i-- > 0;) {
    const Rule& rule = rules_[i];
    if (rule.directory_only && !is_directory) continue;
    const size_t last = rule.segment_count - 1;
    if (!segment_matches(rule, last, name)) continue;
    if ((walk(rule, parent) >> last & 1) != 0) return !rule.negated;
  }
  return false;
}

bool Rules::same_below(std::string_view a, std::string_view b) const noexcept {
  if (!valid_relative(a) || !valid_relative(b)) return false;
  const bool hidden = hides(a, true);
  if (hidden != hides(b, true)) return false;
  if (hidden) return true;  // as is everything below, whatever the rules' states
  for (const Rule& rule : rules_) {
    const uint64_t difference = walk(rule, a) ^ walk(rule, b);
    if ((difference & ~rule.accepting()) != 0) return false;  // accepting leads nowhere
  }
  return true;
}

}  // namespace sluice::core
