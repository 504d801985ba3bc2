// What holds for the paths that a pattern matches. PURE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::core {

// Numbers are part of the protocol: append, never reorder.
enum class Effect : uint8_t {
  kHide = 1,   // it is as if it did not exist; nothing below it exists either
  kShow,       // what an earlier rule hid is there after all
  kDeny,       // it can be seen, and all else fails with the errno `value`
  kReadOnly,   // neither it nor its name can be changed
  kReadWrite,  // undoes kDeny, kReadOnly, kMask and kWindow of earlier rules
  kMask,       // it is there, with its type, empty, and cannot be changed
  kWindow,     // a file is `value2` bytes from offset `value` on, read-only
  kOwner,      // appears as owned by uid `value`
  kGroup,      // appears as of gid `value`
  kMode,       // permission bits: those in the upper half of `value` stay, those in the lower are set
  kNoExecute,  // no file can be executed
  kExecute,    // undoes it
  kMostNames,  // no more than `value` names can be made in the life of the view
};
inline constexpr Effect kLastEffect = Effect::kMostNames;

struct Rule {
  Effect effect = Effect::kHide;
  bool directory_only = false;
  uint64_t value = 0;
  uint64_t value2 = 0;
  int64_t from = 0;   // seconds since 1970; the rule holds from then on
  int64_t until = 0;  // and no longer from then on; 0: for ever
  bool operator==(const Rule&) const = default;
};

// What a rule is about. For each the last rule that says something decides, alone.
enum class Term : uint8_t { kAccess, kOwner, kGroup, kMode, kExecution, kNames, kCount };
inline constexpr size_t kTerms = static_cast<size_t>(Term::kCount);

constexpr bool is_about_sight(Effect effect) {
  return effect == Effect::kHide || effect == Effect::kShow;
}

// Needs an effect that is not about sight.
constexpr Term term_of(Effect effect) {
  switch (effect) {
    case Effect::kOwner: return Term::kOwner;
    case Effect::kGroup: return Term::kGroup;
    case Effect::kMode: return Term::kMode;
    case Effect::kNoExecute:
    case Effect::kExecute: return Term::kExecution;
    case Effect::kMostNames: return Term::kNames;
    default: return Term::kAccess;
  }
}

// Which rules decide about a path: their number, from 1 on, or 0 where none says anything.
struct Decision {
  uint16_t sight = 0;  // the rule that hid or showed it
  std::array<uint16_t, kTerms> terms{};

  uint16_t term(Term which) const { return terms[static_cast<size_t>(which)]; }
  bool operator==(const Decision&) const = default;
};

// What the deciding rules say: the same of two sets of rules, if they say the same.
struct TermValue {
  Effect effect = Effect::kReadWrite;  // which changes nothing: no rule says anything
  uint64_t value = 0;
  uint64_t value2 = 0;  // of kMostNames: the rule's number, by which is counted
  bool operator==(const TermValue&) const = default;
};
struct Terms {
  std::array<TermValue, kTerms> values{};
  const TermValue& of(Term which) const { return values[static_cast<size_t>(which)]; }
  bool operator==(const Terms&) const = default;
};

// The sight of what is no valid path: hidden, by no rule.
inline constexpr uint16_t kNoPath = UINT16_MAX;

}  // namespace sluice::core
