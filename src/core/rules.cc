#include "core/rules.h"

#include <cerrno>
#include <optional>
#include <utility>

namespace sluice::core {
namespace {

constexpr Failure kMalformed{EINVAL, Reason::kRuleSyntax};
constexpr Failure kTooBig{E2BIG, Reason::kLimitRules};

constexpr uint8_t kDirectoryOnly = 1;
constexpr uint8_t kHasValues = 2;
constexpr uint8_t kHasTimes = 4;
constexpr uint64_t kLastErrno = 133;  // EHWPOISON
constexpr uint64_t kModeBits = 07777;

}  // namespace

std::string_view rule_error(const Rule& rule) {
  if (rule.from < 0 || rule.until < 0 || (rule.until != 0 && rule.until <= rule.from)) {
    return "it ends before it begins";
  }
  uint64_t most = 0, most2 = 0;
  switch (rule.effect) {
    case Effect::kDeny: most = kLastErrno; break;
    case Effect::kWindow: most = INT64_MAX, most2 = INT64_MAX - (rule.value & INT64_MAX); break;
    // The last means "leave it as it is".
    case Effect::kOwner:
    case Effect::kGroup: most = UINT32_MAX - 1; break;
    case Effect::kMode: most = kModeBits << 16 | kModeBits; break;
    case Effect::kMostNames: most = UINT32_MAX; break;
    default: break;
  }
  if (rule.effect == Effect::kDeny && rule.value == 0) return "0 is no errno";
  if (rule.effect == Effect::kMode && (rule.value & 0xFFFF) > kModeBits) return "the mode is no mode";
  return rule.value > most || rule.value2 > most2 ? "the value is out of range" : "";
}

TermValue Rules::find(const Decision& decision, Term term) const {
  const uint16_t number = decision.term(term);
  if (number == 0) return {};
  const Rule& said = rule(number);
  return {said.effect, said.value, term == Term::kNames ? number : said.value2};
}

Terms Rules::resolve(const Decision& decision) const {
  Terms terms;
  for (size_t i = 0; i < kTerms; ++i) terms.values[i] = find(decision, static_cast<Term>(i));
  return terms;
}

// Takes bytes, and remembers when there were none left.
class Rules::Decoder {
 public:
  explicit Decoder(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool finished() const { return whole_ && bytes_.empty(); }
  bool more() const { return whole_ && !bytes_.empty(); }

  uint64_t take(size_t count) {
    uint64_t value = 0;
    whole_ = whole_ && count <= bytes_.size();
    for (size_t i = 0; whole_ && i < count; ++i) value |= uint64_t{bytes_[i]} << (8 * i);
    if (whole_) bytes_ = bytes_.subspan(count);
    return value;
  }

  std::optional<Rule> take_rule() {
    Rule rule;
    const uint64_t effect = take(1);
    const uint64_t parts = take(1);
    if (effect == 0 || effect > static_cast<uint64_t>(kLastEffect)) return std::nullopt;
    if ((parts & ~uint64_t{kDirectoryOnly | kHasValues | kHasTimes}) != 0) return std::nullopt;
    rule.effect = static_cast<Effect>(effect);
    rule.directory_only = (parts & kDirectoryOnly) != 0;
    if ((parts & kHasValues) != 0) rule.value = take(8), rule.value2 = take(8);
    if ((parts & kHasTimes) != 0) {
      rule.from = static_cast<int64_t>(take(8));
      rule.until = static_cast<int64_t>(take(8));
    }
    if (!rule_error(rule).empty()) return std::nullopt;
    return rule;
  }

  std::optional<Step> take_step(size_t sets) {
    const auto byte = static_cast<uint8_t>(take(1));
    if (byte == '/') return Step{StepKind::kSlash, 0};
    if (byte != 0) return Step{StepKind::kByte, byte};
    const uint64_t kind = take(1);
    if (kind == static_cast<uint64_t>(StepKind::kStar)) return Step{StepKind::kStar, 0};
    if (kind == static_cast<uint64_t>(StepKind::kDeep)) return Step{StepKind::kDeep, 0};
    if (kind != static_cast<uint64_t>(StepKind::kSet)) return std::nullopt;
    const auto set = static_cast<uint8_t>(take(1));
    if (set >= sets) return std::nullopt;
    return Step{StepKind::kSet, set};
  }

 private:
  std::span<const uint8_t> bytes_;
  bool whole_ = true;
};

Result<Rules> Rules::decode(std::span<const uint8_t> bytes) {
  if (bytes.size() > kMaxRulesBytes) return kTooBig;
  Rules rules;
  if (bytes.empty()) return rules;
  Decoder in(bytes);
  const size_t count = in.take(2);
  if (count > kMaxRules) return kTooBig;
  for (size_t i = 0; i < count; ++i) {
    const auto rule = in.take_rule();
    if (!rule) return kMalformed;
    rules.rules_.push_back(*rule);
  }
  const size_t sets = in.take(2);
  if (sets > kMaxSets) return kTooBig;
  for (size_t i = 0; i < sets; ++i) {
    rules.sets_.push_back({in.take(8), in.take(8), in.take(8), in.take(8)});
    // Nothing but a kSlash takes a '/'.
    if (contains(rules.sets_.back(), '/') || contains(rules.sets_.back(), 0)) return kMalformed;
  }

  // The nodes from the root to the end of the pattern before, and the last child of each.
  struct Place {
    uint32_t node;
    uint32_t last_child;
  };
  std::vector<Place> trail = {{0, 0}};
  rules.nodes_.push_back({{StepKind::kSlash, 0}, 0, 0, 0});  // paths begin as names do
  rules.before_.assign(count, 0);
  std::vector<bool> placed(count);
  while (in.more()) {
    const size_t shared = in.take(2);
    const size_t following = in.take(2);
    if (shared >= trail.size() || shared + following == 0) return kMalformed;
    trail.resize(shared + 1);
    for (size_t i = 0; i < following; ++i) {
      const auto step = in.take_step(sets);
      if (!step) return kMalformed;
      Place& parent = trail.back();
      const bool first = parent.last_child == 0;
      // Sorted, and each node once.
      if (!first && rules.nodes_[parent.last_child].step >= *step) return kMalformed;
      // `**` is whole names, and what may stand for nothing is not told twice: the matcher would have
      // to follow any number of them at once.
      const StepKind behind = rules.nodes_[parent.node].step.kind;
      if ((step->kind == StepKind::kDeep && behind != StepKind::kSlash) ||
          (step->kind == StepKind::kStar && behind == StepKind::kStar)) {
        return kMalformed;
      }
      const auto node = static_cast<uint32_t>(rules.nodes_.size());
      rules.nodes_.push_back({*step, 0, 0, 0});
      (first ? rules.nodes_[parent.node].first_child : rules.nodes_[parent.last_child].next) = node;
      parent.last_child = node;
      trail.push_back({node, 0});
    }
    const size_t rule = in.take(2);
    Node& end = rules.nodes_[trail.back().node];
    if (rule >= count || placed[rule] || rule < end.rule) return kMalformed;
    placed[rule] = true;
    rules.before_[rule] = std::exchange(end.rule, static_cast<uint16_t>(rule + 1));
  }
  for (size_t i = 0; i < count; ++i) {
    if (!placed[i]) return kMalformed;
  }
  if (!in.finished()) return kMalformed;
  rules.bytes_.assign(bytes.begin(), bytes.end());
  return rules;
}

}  // namespace sluice::core
