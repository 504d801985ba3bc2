#include "tests/integration/model/contest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "tests/integration/model/shrink.h"
#include "tests/integration/model/tree.h"

namespace sluice::model {
namespace {

constexpr size_t kShownOperations = 30;

std::optional<Mismatch> differ(const Operation& operation, Side& plain, Side& view, size_t step) {
  Mismatch both{step, operation.run(plain, operation), operation.run(view, operation)};
  if (both.plain == both.view) return std::nullopt;
  return both;
}

void print_mismatch(const std::vector<Operation>& operations, const Mismatch& mismatch) {
  const size_t first =
      operations.size() > kShownOperations ? operations.size() - kShownOperations : 0;
  for (size_t i = first; i < operations.size(); ++i) {
    std::fprintf(stderr, "  %zu %s\n", i, describe(operations[i]).c_str());
  }
  std::fprintf(stderr, "    plain: %s\n    view:  %s\n", show(mismatch.plain).c_str(),
               show(mismatch.view).c_str());
}

}  // namespace

Round play(const Catalogue& catalogue, const Arena& arena, uint64_t seed, size_t steps) {
  ::umask(022);
  Round round;
  Side plain(arena.plain);
  Side view(arena.view);
  Random random(seed);
  World world(plain);
  for (size_t step = 0; step < steps; ++step) {
    const Operation& operation = round.operations.emplace_back(catalogue.make(random, world));
    Outcome on_plain = operation.run(plain, operation);
    Outcome on_view = operation.run(view, operation);
    world.learn(operation, on_plain);
    if (on_plain == on_view) continue;
    round.mismatch = {step, std::move(on_plain), std::move(on_view)};
    break;
  }
  return round;
}

std::optional<Mismatch> replay(const std::vector<Operation>& operations, const Arena& arena) {
  ::umask(022);
  Side plain(arena.plain);
  Side view(arena.view);
  for (size_t step = 0; step < operations.size(); ++step) {
    if (auto mismatch = differ(operations[step], plain, view, step)) return mismatch;
  }
  return std::nullopt;
}

bool play_and_report(const Catalogue& catalogue, const Arena& arena, const std::string& name,
                     uint64_t seed, size_t steps) {
  const Arena own{arena.plain + "/" + name, arena.view + "/" + name, arena.writable};
  const Round round = play(catalogue, own, seed, steps);
  if (round.mismatch) {
    std::fprintf(stderr, "MISMATCH %s: seed %lu, step %zu (model_test --seed %lu --steps %zu)\n",
                 round.operations.back().name, static_cast<unsigned long>(seed),
                 round.mismatch->step, static_cast<unsigned long>(seed), steps);
    print_mismatch(round.operations, *round.mismatch);
    if (!arena.writable) return false;
    const auto fewer = shrink(round.operations, *round.mismatch, own);
    if (!fewer) {
      std::fprintf(stderr, "  It did not happen again with the same operations: a race.\n");
      return false;
    }
    std::fprintf(stderr, "  These are enough:\n");
    print_mismatch(fewer->operations, *fewer->mismatch);
    return false;
  }
  ::umask(022);
  const std::string trees =
      differences(tree_of(own.plain), tree_of(own.view), "plain", "view");
  if (trees.empty()) return true;
  std::fprintf(stderr, "MISMATCH of the trees: seed %lu, steps %zu\n%s",
               static_cast<unsigned long>(seed), steps, trees.c_str());
  return false;
}

}  // namespace sluice::model
