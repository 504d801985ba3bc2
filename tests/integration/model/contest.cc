#include "tests/integration/model/contest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "tests/integration/model/shrink.h"
#include "tests/integration/model/tree.h"

namespace sluice::model {
namespace {

constexpr size_t kShownOperations = 30;

// What an operation is about that another worker finds by its name, since a descriptor that opens no file is all that holds it: a
// directory, a pipe, a name alone. Of the plain side, before it is run, which may close it.
enum class Held : char { kOtherwise, kByName, kRemoved };
Held held_by(const Operation& operation, const Side& plain) {
  const std::string_view name = operation.name;
  const bool of_directory = operation.directory >= 0 || name == "list_held" || name.ends_with("_directory");
  if (!of_directory && !operation.path.empty()) return Held::kOtherwise;
  const int fd = operation.directory >= 0 ? plain.at(operation.directory)
                 : of_directory           ? plain.at(operation.slot)
                                          : plain.file(operation.slot);
  struct stat stat;
  if (fd < 0 || ::fstat(fd, &stat) < 0) return Held::kOtherwise;
  if (S_ISREG(stat.st_mode) && (::fcntl(fd, F_GETFL) & O_PATH) == 0) return Held::kOtherwise;
  return stat.st_nlink == 0 ? Held::kRemoved : Held::kByName;
}

// Where workers die: what is removed and no open file the next one knows nothing of, and the rest it may not be let through to.
bool is_of_death(Held held, const Mismatch& mismatch) {
  return held == Held::kRemoved || (held == Held::kByName && mismatch.view.error == EACCES);
}

std::optional<Mismatch> differ(const Operation& operation, Side& plain, Side& view, size_t step) {
  Mismatch both{step, operation.run(plain, operation), operation.run(view, operation)};
  if (both.plain == both.view) return std::nullopt;
  return both;
}

std::string in_words(const Round& round) {
  const auto& operations = round.operations;
  const size_t first =
      operations.size() > kShownOperations ? operations.size() - kShownOperations : 0;
  std::string out;
  for (size_t i = first; i < operations.size(); ++i) {
    out += "  " + std::to_string(i) + " " + describe(operations[i]) + "\n";
  }
  if (!round.mismatch) return out;
  return out + "    plain: " + show(round.mismatch->plain) +
         "\n    view:  " + show(round.mismatch->view) + "\n";
}

std::string report(const Round& round, const Arena& arena, const Arena& spare) {
  std::string out = in_words(round);
  if (!arena.writable) return out;
  const auto fewer = shrink(round, spare);
  if (!fewer) return out + "  It did not happen again with the same operations: a race.\n";
  return out + "  These are enough:\n" + in_words(*fewer);
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
    const Held held = held_by(operation, plain);
    Outcome on_plain = operation.run(plain, operation);
    Outcome on_view = operation.run(view, operation);
    world.learn(operation, on_plain);
    if (on_plain == on_view) continue;
    const Mismatch mismatch{step, std::move(on_plain), std::move(on_view)};
    round.known = is_known(operation, mismatch) || (catalogue.expects_deaths() && is_of_death(held, mismatch));
    if (!round.known) round.mismatch = mismatch;
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

std::string compare_trees(const Arena& arena) {
  ::umask(022);
  return differences(tree_of(arena.plain), tree_of(arena.view), "plain", "view");
}

Verdict play_and_report(const Catalogue& catalogue, const Arena& arena, const std::string& name,
                        uint64_t seed, size_t steps) {
  const Arena own{arena.plain + "/" + name + "/top", arena.view + "/" + name + "/top"};
  const Arena spare{arena.plain + "/spare/top/" + name, arena.view + "/spare/top/" + name};
  const Round round = play(catalogue, own, seed, steps);
  if (round.known) return Verdict::kKnown;
  const std::string trees = round.mismatch ? std::string() : compare_trees(own);
  if (!round.mismatch && trees.empty()) return Verdict::kSame;
  const std::string found = trees + report(round, arena, spare);
  // In one piece, since others report too.
  std::fprintf(stderr, "MISMATCH %s: seed %lu (model_test --seed %lu --steps %zu)\n%s",
               round.mismatch ? round.operations.back().name : "of the trees",
               static_cast<unsigned long>(seed), static_cast<unsigned long>(seed), steps,
               found.c_str());
  return Verdict::kDifferent;
}

}  // namespace sluice::model
