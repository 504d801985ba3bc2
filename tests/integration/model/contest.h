// The same operations on a plain directory and on a view.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/integration/model/catalogue.h"

namespace sluice::model {

struct Mismatch {
  size_t step;
  Outcome plain;
  Outcome view;
};

// Differences that a view cannot help: the round ends there, and is no failure.
bool is_known(const Operation& operation, const Mismatch& mismatch);  // known.cc

struct Round {
  std::vector<Operation> operations;  // as they were run
  std::optional<Mismatch> mismatch;   // of the last one
  bool known = false;                 // ended by a difference that is known
};

struct Arena {
  std::string plain;  // directories, absolute
  std::string view;
  bool writable = true;  // else nothing can be shortened
};

// Makes up operations and runs them until two outcomes differ.
Round play(const Catalogue& catalogue, const Arena& arena, uint64_t seed, size_t steps);

// Runs these, and says where outcomes differ first.
std::optional<Mismatch> replay(const std::vector<Operation>& operations, const Arena& arena);

// Empty: the trees are the same, for who asks.
std::string compare_trees(const Arena& arena);

// Plays a round in directories of its own, compares the trees at the end, and reports what differs
// with the operations that led to it. name: of the directories that have a "top" for it, in both
// of the arena's; "spare" is one for more tries.
enum class Verdict : char { kNone, kSame, kKnown, kDifferent };
Verdict play_and_report(const Catalogue& catalogue, const Arena& arena, const std::string& name,
                        uint64_t seed, size_t steps);

}  // namespace sluice::model
