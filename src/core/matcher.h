// Which rules decide about a path: all patterns compiled together, one step a byte. PURE.
//
// The patterns are merged into one tree of steps, which is walked as a deterministic automaton whose
// states are made when they are first needed and kept in a table of fixed size. A path costs a table
// look-up per byte, however many rules there are; at the worst, where every byte leads to a state
// that was never seen, it costs as many steps per byte as the patterns have together. Nothing
// backtracks.
//
// Verdicts are about bytes, never about what exists, so names that do not exist yet have one too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/rules.h"
#include "core/zeroed_memory.h"

namespace sluice::core {

// A pattern may match directories only.
struct Verdicts {
  Decision file;
  Decision directory;
  const Decision& of(bool is_directory) const { return is_directory ? directory : file; }
};

class Matcher {
 public:
  // Takes all memory that it will ever use; what is not used is not touched. now: seconds since 1970, for rules that hold for a time.
  Matcher(Rules rules, int64_t now);
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  const Rules& rules() const { return rules_; }

  // Whether there are rules that hold for a time.
  bool is_timed() const { return timed_; }
  // False where the same rules hold as before.
  bool set_time(int64_t now) noexcept;

  // What holds for a valid_relative path; the root ("") is never hidden, anything else that is not
  // valid always is. For sight the last rule that matches the path itself decides, and nothing below
  // a hidden directory is seen. For each other term the last rule decides that matches the path or a
  // directory that leads to it; nothing below a denied or masked directory is other than it. Not
  // const: it makes states. No allocation.
  Verdicts decide(std::string_view path) noexcept { return decide({}, path); }
  // Of parent/rest, where parent may be the root.
  Verdicts decide(std::string_view parent, std::string_view rest) noexcept;

  // Called before directory `a` is renamed to `b`: true only if a/s and b/s have the same decision
  // for every s, so that the rename neither reveals nor hides nor changes anything below. Never true
  // wrongly; false also where states differ without consequence, and for malformed paths.
  bool same_below(std::string_view a, std::string_view b) noexcept;

 private:
  using State = uint16_t;  // 0: not made yet
  // What the places of a state say of the name that ends there.
  struct Summary {
    std::span<const uint32_t> places;
    Decision file;
    Decision directory;
  };

  void judge_times(int64_t now) noexcept;
  void forget_states() noexcept;
  State start() noexcept;
  State next(State from, char byte) noexcept;
  State make_next(State from, uint8_t byte) noexcept;
  State take_state() noexcept;
  bool is_full() const noexcept;
  bool mark(size_t place) noexcept;
  void enter(uint32_t node) noexcept;
  bool takes(const Step& step, uint8_t byte) const noexcept;
  void summarise(Summary& summary) const noexcept;
  // Through a directory, with what holds below it so far: false where that is all there is to say.
  bool pass(State at, Decision* so_far) const noexcept;
  bool walk(std::string_view path, State* at, Decision* so_far) noexcept;
  bool walk_into(std::string_view directory, State* at, Decision* so_far) noexcept;

  const Rules rules_;
  const std::span<const Rules::Node> nodes_;
  bool timed_ = false;
  int64_t same_from_ = 0;    // the rules that hold are the same from here
  int64_t same_until_ = 0;   // to here
  std::vector<bool> holds_;  // of each rule, now

  Memory<State> table_;        // [state * 256 + byte]
  Memory<Summary> summaries_;  // of each state
  Memory<State> by_places_;    // open addressing
  size_t states_ = 0;          // so many are made, from 1 on
  State start_ = 0;
  uint32_t generation_ = 0;    // how often all were forgotten

  // The places of each state, sorted: twice a node's number, and one more for a `**` within a name that
  // it skips.
  Memory<uint32_t> pool_;
  size_t pool_size_ = 0;
  size_t pool_used_ = 0;
  // Of the state that is being made: a bit for each place, and one for each word that has any.
  Memory<uint64_t> marks_;
  Memory<uint64_t> marked_words_;
};

}  // namespace sluice::core
