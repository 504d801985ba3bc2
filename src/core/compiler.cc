#include "core/compiler.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::core {
namespace {

struct Sorted {
  std::vector<Step> steps;
  size_t rule;
  bool operator<(const Sorted& other) const {
    const auto order = steps <=> other.steps;
    return order != 0 ? order < 0 : rule < other.rule;
  }
};

// The bytes that rules.h describes.
class Encoder {
 public:
  void put(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }

  void put(const Rule& rule) {
    const bool values = rule.value != 0 || rule.value2 != 0;
    const bool times = rule.from != 0 || rule.until != 0;
    put(static_cast<uint64_t>(rule.effect), 1);
    put((rule.directory_only ? 1u : 0u) | (values ? 2u : 0u) | (times ? 4u : 0u), 1);
    if (values) put(rule.value, 8), put(rule.value2, 8);
    if (times) put(static_cast<uint64_t>(rule.from), 8), put(static_cast<uint64_t>(rule.until), 8);
  }

  void put(const Step& step) {
    if (step.kind == StepKind::kByte) return put(step.value, 1);
    if (step.kind == StepKind::kSlash) return put('/', 1);
    put(0, 1);
    put(static_cast<uint64_t>(step.kind), 1);
    if (step.kind == StepKind::kSet) put(step.value, 1);
  }

  void put(const Sorted& pattern, size_t shared) {
    put(shared, 2);
    put(pattern.steps.size() - shared, 2);
    for (size_t i = shared; i < pattern.steps.size(); ++i) put(pattern.steps[i]);
    put(pattern.rule, 2);
  }

  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

RuleError too_big(size_t rule, std::string_view what) {
  return {rule, {0, what, Reason::kLimitRules}};
}

}  // namespace

std::variant<Rules, RuleError> compile(std::span<const WrittenRule> written) {
  if (written.empty()) return Rules();
  if (written.size() > kMaxRules) return too_big(kMaxRules, "there are more than 10000 rules");
  Encoder out;
  std::vector<ByteSet> sets;
  std::vector<Sorted> patterns;
  out.put(written.size(), 2);
  size_t length = 0;
  for (size_t i = 0; i < written.size(); ++i) {
    length += written[i].pattern.size();
    if (length > kMaxWrittenBytes) return too_big(i, "the patterns together exceed 1 MiB");
    Pattern pattern;
    Rule rule = written[i].rule;
    if (const auto error = take_apart(written[i].pattern, sets, &pattern)) return RuleError{i, *error};
    if (pattern.negated && rule.effect != Effect::kHide) {
      return RuleError{i, {0, "only what hides can be negated; write '\\!' for a '!'"}};
    }
    if (pattern.negated) rule.effect = Effect::kShow;
    rule.directory_only = pattern.directory_only;
    if (const auto what = rule_error(rule); !what.empty()) return RuleError{i, {0, what}};
    out.put(rule);
    patterns.push_back({std::move(pattern.steps), i});
    if (out.bytes().size() > kMaxRulesBytes) return too_big(i, "the rules exceed 160 KiB");
  }
  out.put(sets.size(), 2);
  for (const ByteSet& set : sets) {
    for (const uint64_t word : set) out.put(word, 8);
  }
  std::sort(patterns.begin(), patterns.end());
  const std::vector<Step>* before = nullptr;
  for (const Sorted& pattern : patterns) {
    size_t shared = 0;
    if (before != nullptr) {
      const auto differ = std::mismatch(before->begin(), before->end(), pattern.steps.begin(), pattern.steps.end());
      shared = static_cast<size_t>(differ.first - before->begin());
    }
    out.put(pattern, shared);
    before = &pattern.steps;
    if (out.bytes().size() > kMaxRulesBytes) return too_big(pattern.rule, "the rules exceed 160 KiB");
  }
  auto rules = Rules::decode(out.bytes());
  if (rules.ok()) return *std::move(rules);
  return too_big(0, "the rules are too large");
}

std::variant<Rules, RuleError> compile(std::span<const std::string_view> hide) {
  std::vector<WrittenRule> rules(hide.size());
  for (size_t i = 0; i < hide.size(); ++i) rules[i].pattern = hide[i];
  return compile(rules);
}

}  // namespace sluice::core
