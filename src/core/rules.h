// The rules of a view, compiled: a tree of steps, and what holds where a pattern ends. PURE.
//
// The client compiles (core/compiler.h); service, broker and worker take the bytes apart with decode()
// and check every one. No process with a privilege parses a pattern.
//
// The bytes, little-endian: u16 number of rules; each: u8 effect, u8 parts, and what parts says of
// u64 value, u64 value2, i64 from and i64 until. u16 number of byte sets, each 32 bytes. Then the
// patterns in the order of their steps, for each: u16 how many steps it shares with the one before,
// u16 how many follow, those, and u16 its rule. A step is a byte, or for what is no literal byte NUL and
// a kind, for a set with its u8 number.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/rule.h"

namespace sluice::core {

inline constexpr size_t kMaxRules = 10000;
inline constexpr size_t kMaxRulesBytes = 160 * 1024;  // compiled
inline constexpr size_t kMaxSets = 255;
static_assert(kMaxRules < kNoPath);

// A set of bytes, a bit each.
using ByteSet = std::array<uint64_t, 4>;
inline bool contains(const ByteSet& set, uint8_t byte) { return (set[byte >> 6] >> (byte & 63) & 1) != 0; }

// One step of a pattern. The order of the kinds is that in which the matcher wants to see them.
enum class StepKind : uint8_t {
  kStar,   // any bytes of a name
  kDeep,   // any number of whole names, each with its '/'
  kSlash,  // the '/' between two names
  kByte,   // this byte
  kSet,    // a byte of the set of that number
};
struct Step {
  StepKind kind;
  uint8_t value;  // of kByte and kSet, otherwise 0
  auto operator<=>(const Step&) const = default;
};

// Why a rule cannot be, apart from its pattern; empty: it can. For people.
std::string_view rule_error(const Rule& rule);

class Rules {
 public:
  // A place behind a step of some patterns. Children in the order of their steps.
  struct Node {
    Step step;
    uint32_t first_child;  // 0: none; the root, the first node, is nobody's child
    uint32_t next;         // the next child of the same parent
    uint16_t rule;         // the number of the last rule whose pattern ends here; 0: none
  };

  // No rules: nothing is hidden or different.
  Rules() = default;

  // Called by the service, the broker and the worker, on bytes from a peer that may be lying.
  // Allocates in proportion to the bytes. Fails with {EINVAL, kRuleSyntax} or {E2BIG, kLimitRules}.
  static Result<Rules> decode(std::span<const uint8_t> bytes);
  // What decode() took: empty for no rules.
  const std::vector<uint8_t>& bytes() const { return bytes_; }

  bool empty() const { return rules_.empty(); }
  size_t size() const { return rules_.size(); }

  // By its number: 1..size().
  const Rule& rule(uint16_t number) const { return rules_[number - 1u]; }
  // The rule before this one of the same pattern; 0: none.
  uint16_t before(uint16_t number) const { return before_[number - 1u]; }
  TermValue find(const Decision& decision, Term term) const;
  Terms resolve(const Decision& decision) const;
  bool hides(const Decision& decision) const {
    return decision.sight == kNoPath || (decision.sight != 0 && rule(decision.sight).effect == Effect::kHide);
  }

  std::span<const Node> nodes() const { return nodes_; }
  const ByteSet& set(uint8_t number) const { return sets_[number]; }

  bool operator==(const Rules& other) const { return bytes_ == other.bytes_; }

 private:
  class Decoder;

  std::vector<uint8_t> bytes_;
  std::vector<Rule> rules_;
  std::vector<uint16_t> before_;
  std::vector<ByteSet> sets_;
  std::vector<Node> nodes_;
};

}  // namespace sluice::core
