// The rules of a view: which paths it hides. PURE.
//
// An ordered list of patterns with the meaning that gitignore(5) gives them: the last rule that
// matches decides; `!` shows again what an earlier rule hid, but nothing below a hidden directory;
// a trailing `/` matches directories only; a `/` at the start or in the middle anchors a pattern at
// the root, any other matches a name at every depth; `**` as a whole component stands for any
// number of directories, at the end for everything inside.
//
// Where git ignores a line or makes it match nothing, we refuse it: comments, blank patterns,
// trailing spaces, malformed brackets, "//", "." and ".." can only be mistakes here.
//
// Verdicts are about bytes, never about what exists, so names that do not exist yet have one too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/glob.h"
#include "core/result.h"

namespace sluice::core {

inline constexpr size_t kMaxRules = 1024;
inline constexpr size_t kMaxPatternBytes = 4095;
inline constexpr size_t kMaxRulesBytes = 64 * 1024;  // of the encoded form of all rules
inline constexpr size_t kMaxSegments = 62;           // as written: a rule's states must fit 64 bits

struct RuleError {
  size_t pattern;  // its index
  PatternError error;
};

class Rules {
 public:
  // No rules: nothing is hidden.
  Rules() = default;

  // Called by the client, on patterns as a person wrote them. Allocates.
  static std::variant<Rules, RuleError> compile(std::span<const std::string_view> patterns);

  // The form for the wire: the patterns as written, each behind its length. The receiver compiles
  // them again, so there is one syntax to check and no second form to keep consistent with it.
  std::vector<uint8_t> encode() const;

  // Called by the service, the broker and the worker, on bytes from a peer that may be lying.
  // Allocates in proportion to the bytes. Fails with {EINVAL, kRuleSyntax} or {E2BIG, kLimitRules}.
  static Result<Rules> decode(std::span<const uint8_t> bytes);

  bool empty() const noexcept { return rules_.empty(); }
  size_t size() const noexcept { return rules_.size(); }

  // The pattern of a rule as it was written, for `explain`. Needs index < size().
  std::string_view pattern(size_t index) const noexcept;

  // Called by the broker on every open and by the worker on every path: true if the path, or any
  // directory that leads to it, is hidden. The root ("") never is; what is not valid_relative
  // always is. No allocation, 8 KiB of stack, |path| x |all patterns| steps at the most.
  bool hides(std::string_view path, bool is_directory) const noexcept;

  // hides(parent + "/" + name), for lookup and readdir, where the parent is known to be visible and
  // is not judged again. Cheaper: the parent is looked at only by rules whose end fits the name.
  bool hides_name(std::string_view parent, std::string_view name, bool is_directory) const noexcept;

  // The rule that decided hides(path), hiding or showing, perhaps at a leading directory; none
  // if no rule matches or the path is malformed. hides() is true exactly if this rule hides.
  std::optional<size_t> deciding_rule(std::string_view path, bool is_directory) const noexcept;

  // Called before directory `a` is renamed to `b`: true only if a/s and b/s have the same verdict
  // for every s (that fits both), so that the rename neither reveals nor hides anything below.
  // Never true wrongly; false also where rule states differ without consequence, and for malformed
  // paths.
  bool same_below(std::string_view a, std::string_view b) const noexcept;

  bool operator==(const Rules&) const = default;

 private:
  // A component of a pattern, as a piece of text_. Of a `**` only the place in the list counts.
  struct Segment {
    uint32_t offset;
    uint32_t length;
    bool operator==(const Segment&) const = default;
  };

  // A rule is a nondeterministic automaton over path components. State i (bit i) means that the
  // first i segments have matched; all of them is the accepting state, which leads nowhere.
  struct Rule {
    uint32_t offset;  // of the pattern in text_
    uint32_t length;
    uint32_t first_segment;  // in segments_
    uint32_t segment_count;  // 1..kMaxSegments + 1, see add()
    uint64_t any_depth;      // the segments that are `**`: never two in a row, never the last
    bool negated;
    bool directory_only;
    uint64_t accepting() const { return uint64_t{1} << segment_count; }
    // A `**` may stand for nothing: whoever is before it is also behind it.
    uint64_t closure(uint64_t states) const { return states | (states & any_depth) << 1; }
    bool operator==(const Rule&) const = default;
  };

  std::optional<PatternError> add(std::string_view pattern);
  bool segment_matches(const Rule& rule, size_t index, std::string_view name) const noexcept;
  uint64_t step(const Rule& rule, uint64_t states, std::string_view name) const noexcept;
  uint64_t walk(const Rule& rule, std::string_view path) const noexcept;

  std::string text_;  // all patterns, one behind the other
  std::vector<Segment> segments_;
  std::vector<Rule> rules_;
};

}  // namespace sluice::core
