#include "core/matcher.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/path.h"

namespace sluice::core {
namespace {

constexpr size_t kMostStates = 2047;  // beside the one that says "not made yet"
constexpr size_t kBytes = 256;
constexpr size_t kLeastPool = size_t{1} << 18;
constexpr size_t kHashSize = size_t{1} << 12;

uint64_t hash_of(std::span<const uint32_t> places) {
  uint64_t hash = 0x9E3779B97F4A7C15;
  for (const uint32_t place : places) hash = (hash ^ place) * 0xFF51AFD7ED558CCD, hash ^= hash >> 32;
  return hash;
}

template <typename Visit>
void each_bit(uint64_t bits, Visit visit) {
  for (; bits != 0; bits &= bits - 1) visit(static_cast<size_t>(std::countr_zero(bits)));
}

// For each term the later rule.
void merge(Decision* into, const Decision& from) {
  for (size_t i = 0; i < kTerms; ++i) into->terms[i] = std::max(into->terms[i], from.terms[i]);
}

}  // namespace

Matcher::Matcher(Rules rules, int64_t now) : rules_(std::move(rules)), nodes_(rules_.nodes()) {
  if (rules_.empty()) return;
  pool_size_ = std::max(kLeastPool, 8 * nodes_.size());
  table_ = zeroed_memory<State>((kMostStates + 1) * kBytes);
  summaries_ = zeroed_memory<Summary>(kMostStates + 1);
  by_places_ = zeroed_memory<State>(kHashSize);
  pool_ = zeroed_memory<uint32_t>(pool_size_);
  marks_ = zeroed_memory<uint64_t>(2 * nodes_.size() / 64 + 1);
  marked_words_ = zeroed_memory<uint64_t>(2 * nodes_.size() / 4096 + 1);
  holds_.assign(rules_.size(), true);
  judge_times(now);
}

void Matcher::judge_times(int64_t now) noexcept {
  same_from_ = INT64_MIN;
  same_until_ = INT64_MAX;
  for (size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_.rule(static_cast<uint16_t>(i + 1));
    if (rule.from == 0 && rule.until == 0) continue;
    timed_ = true;
    holds_[i] = now >= rule.from && (rule.until == 0 || now < rule.until);
    for (const int64_t change : {rule.from, rule.until}) {
      if (change > now) {
        same_until_ = std::min(same_until_, change - 1);
      } else if (change != 0) {
        same_from_ = std::max(same_from_, change);
      }
    }
  }
}

bool Matcher::set_time(int64_t now) noexcept {
  if (!timed_ || (now >= same_from_ && now <= same_until_)) return false;
  judge_times(now);
  forget_states();
  return true;
}

void Matcher::forget_states() noexcept {
  std::fill_n(table_.get(), (states_ + 1) * kBytes, State{0});
  std::fill_n(by_places_.get(), kHashSize, State{0});
  states_ = 0;
  pool_used_ = 0;
  start_ = 0;
  ++generation_;
}

// ---- Making states ----

bool Matcher::is_full() const noexcept {
  return states_ == kMostStates || pool_size_ - pool_used_ < 2 * nodes_.size();
}

// True where it was not marked yet.
bool Matcher::mark(size_t place) noexcept {
  const uint64_t bit = uint64_t{1} << (place % 64);
  marked_words_[place / 4096] |= uint64_t{1} << (place / 64 % 64);
  return (std::exchange(marks_[place / 64], marks_[place / 64] | bit) & bit) == 0;
}

// A node is reached, and with it those for which nothing more is needed.
void Matcher::enter(uint32_t node) noexcept {
  if (!mark(size_t{2} * node)) return;
  for (uint32_t child = nodes_[node].first_child; child != 0; child = nodes_[child].next) {
    if (nodes_[child].step.kind > StepKind::kDeep) break;
    enter(child);  // three deep at the most: a name's end, its `**`, its `*`
  }
}

bool Matcher::takes(const Step& step, uint8_t byte) const noexcept {
  switch (step.kind) {
    case StepKind::kSlash: return byte == '/';
    case StepKind::kByte: return byte == step.value;
    case StepKind::kSet: return contains(rules_.set(step.value), byte);
    default: return false;
  }
}

Matcher::State Matcher::start() noexcept {
  if (start_ == 0) {
    if (is_full()) forget_states();
    enter(0);
    start_ = take_state();
  }
  return start_;
}

Matcher::State Matcher::next(State from, char byte) noexcept {
  const size_t cell = from * kBytes + static_cast<uint8_t>(byte);
  if (table_[cell] != 0) return table_[cell];
  const uint32_t generation = generation_;
  const State made = make_next(from, static_cast<uint8_t>(byte));
  if (generation == generation_) table_[cell] = made;
  return made;
}

Matcher::State Matcher::make_next(State from, uint8_t byte) noexcept {
  std::span<const uint32_t> places = summaries_[from].places;
  if (is_full()) {
    forget_states();
    // What it is made from stays, at the start of the pool, until the next time.
    std::memmove(pool_.get(), places.data(), places.size_bytes());
    places = {pool_.get(), places.size()};
    pool_used_ = places.size();
  }
  for (const uint32_t place : places) {
    const uint32_t node = place / 2;
    const bool skipping = place % 2 != 0;
    const StepKind kind = nodes_[node].step.kind;
    if (kind == StepKind::kDeep && byte != '/') mark(size_t{2} * node + 1);
    if (skipping) {
      if (byte == '/') enter(node);
      continue;
    }
    if (kind == StepKind::kStar && byte != '/') enter(node);
    for (uint32_t child = nodes_[node].first_child; child != 0; child = nodes_[child].next) {
      if (takes(nodes_[child].step, byte)) enter(child);
    }
  }
  return take_state();
}

// The state of the places that are marked, which are not any more then.
Matcher::State Matcher::take_state() noexcept {
  size_t end = pool_used_;
  for (size_t i = 0; i <= 2 * nodes_.size() / 4096; ++i) {
    each_bit(std::exchange(marked_words_[i], 0), [&](size_t bit) {
      const size_t word = 64 * i + bit;
      each_bit(std::exchange(marks_[word], 0),
               [&](size_t place) { pool_[end++] = static_cast<uint32_t>(64 * word + place); });
    });
  }
  const std::span<const uint32_t> places(&pool_[pool_used_], end - pool_used_);
  size_t slot = hash_of(places) % kHashSize;
  for (; by_places_[slot] != 0; slot = (slot + 1) % kHashSize) {
    const std::span<const uint32_t> known = summaries_[by_places_[slot]].places;
    if (std::equal(known.begin(), known.end(), places.begin(), places.end())) return by_places_[slot];
  }
  const auto state = static_cast<State>(++states_);
  by_places_[slot] = state;
  Summary& summary = summaries_[state];
  summary = {places, {}, {}};
  summarise(summary);
  pool_used_ = end;
  return state;
}

void Matcher::summarise(Summary& summary) const noexcept {
  for (const uint32_t place : summary.places) {
    if (place % 2 != 0) continue;
    for (uint16_t number = nodes_[place / 2].rule; number != 0; number = rules_.before(number)) {
      if (!holds_[number - 1u]) continue;
      const Rule& rule = rules_.rule(number);
      const auto note = [&](Decision& decision) {
        uint16_t& last = is_about_sight(rule.effect)
                             ? decision.sight
                             : decision.terms[static_cast<size_t>(term_of(rule.effect))];
        last = std::max(last, number);
      };
      note(summary.directory);
      if (!rule.directory_only) note(summary.file);
    }
  }
}

// ---- Walking ----

bool Matcher::pass(State at, Decision* so_far) const noexcept {
  const Decision& here = summaries_[at].directory;
  merge(so_far, here);
  if (rules_.hides(here)) {
    so_far->sight = here.sight;
    return false;
  }
  const Effect access = rules_.find(*so_far, Term::kAccess).effect;
  return access != Effect::kDeny && access != Effect::kMask;
}

bool Matcher::walk(std::string_view path, State* at, Decision* so_far) noexcept {
  for (const char byte : path) {
    if (byte == '/' && !pass(*at, so_far)) return false;
    *at = next(*at, byte);
  }
  return true;
}

bool Matcher::walk_into(std::string_view directory, State* at, Decision* so_far) noexcept {
  *at = start();
  if (directory.empty()) return true;
  if (!walk(directory, at, so_far) || !pass(*at, so_far)) return false;
  *at = next(*at, '/');
  return true;
}

Verdicts Matcher::decide(std::string_view parent, std::string_view rest) noexcept {
  if (!valid_relative(parent) || !valid_relative(rest) ||
      parent.size() + (parent.empty() ? 0 : 1) + rest.size() > kMaxPathBytes) {
    Decision none;
    none.sight = kNoPath;
    return {none, none};
  }
  Verdicts verdicts;
  if (rules_.empty() || (rest.empty() && parent.empty())) return verdicts;
  if (rest.empty()) return decide({}, parent);
  State at;
  Decision so_far;
  if (!walk_into(parent, &at, &so_far) || !walk(rest, &at, &so_far)) return {so_far, so_far};
  const Summary& summary = summaries_[at];
  for (const auto& [verdict, last] : {std::pair{&verdicts.file, &summary.file},
                                      std::pair{&verdicts.directory, &summary.directory}}) {
    *verdict = so_far;
    verdict->sight = last->sight;
    merge(verdict, *last);
  }
  return verdicts;
}

bool Matcher::same_below(std::string_view a, std::string_view b) noexcept {
  if (!valid_relative(a) || !valid_relative(b)) return false;
  if (rules_.empty()) return true;
  // States that were forgotten in between cannot be compared: once more, with those that are needed.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const uint32_t generation = generation_;
    State at_a, at_b;
    Decision from_a, from_b;
    const bool open_a = walk_into(a, &at_a, &from_a);
    const bool open_b = walk_into(b, &at_b, &from_b);
    if (rules_.hides(from_a) && rules_.hides(from_b)) return true;
    if (open_a != open_b || !(from_a == from_b)) return false;
    if (!open_a || generation == generation_) return !open_a || at_a == at_b;
  }
  return false;
}

}  // namespace sluice::core
