// Programs that people run: what listings, archives, git and a compiler cost.
#include <sys/stat.h>

#include "ground.h"
#include "measure.h"
#include "process.h"

namespace sluicebench {
namespace {

constexpr int kNothingFound = 1;  // grep's exit status

void Command(benchmark::State& state, const std::vector<std::string>& words, int status = 0) {
  Pass(state, 1, [&](int) { RunCommand(words, status); });
}

void Find(benchmark::State& state, const Place& place) {
  Command(state, {"find", place.directory + kTreeDir, "-name", "nothing-of-this-name"});
}

void ListLong(benchmark::State& state, const Place& place) {
  Command(state, {"ls", "-lR", place.directory + kTreeDir});
}

// Without writing to its index, and without inode numbers, which not all that show a directory
// keep.
std::vector<std::string> GitStatus(const Place& place) {
  return {"git",
          "-C",
          place.directory + kTreeDir,
          "--no-optional-locks",
          "-c",
          "core.checkStat=minimal",
          "-c",
          "core.preloadIndex=false",
          "status",
          "--short"};
}

void Status(benchmark::State& state, const Place& place) { Command(state, GitStatus(place)); }
void RunStatus(const Place& place) { RunCommand(GitStatus(place)); }

std::vector<std::string> GrepWords(const Place& place) {
  return {"grep", "-r", "no text has this", place.directory + kTreeDir, "--exclude-dir=.git"};
}

void Grep(benchmark::State& state, const Place& place) {
  Command(state, GrepWords(place), kNothingFound);
}
void RunGrep(const Place& place) { RunCommand(GrepWords(place), kNothingFound); }

void MakeScratch(const Place& place) { Must(::mkdir(place.scratch.c_str(), 0755), place.scratch); }

void Untar(benchmark::State& state, const Place& place) {
  Command(state, {"tar", "-C", place.scratch, "-xf", place.base + kArchive});
}

void Compile(benchmark::State& state, const Place& place) {
  Pass(state, kUnits, [&](int i) {
    RunCommand({"gcc", "-c", "-o", place.scratch + "/unit" + std::to_string(i) + ".o",
                place.directory + kCodeDir + UnitName(i)});
  });
}

}  // namespace

std::vector<Measure> CommandMeasures() {
  constexpr auto kLower = Measure::Better::kLower;
  constexpr auto kPass = Measure::Kind::kPass;
  constexpr auto kAgain = Measure::State::kDone;
  constexpr auto kFirst = Measure::State::kFirst;
  const Needs tree{.tree = true}, code{.code = true};
  return {
      {"find over 18,000 files, first",
       kLower,
       kPass,
       kTreeFiles,
       tree,
       kFirst,
       {1.8, 1.8, 1.9, 1.93},
       {},
       Find},
      {"ls -lR, first", kLower, kPass, kTreeFiles, tree, kFirst, {1.5, 1.5, 5.5, 7.8}, {}, ListLong},
      {"git status, first", kLower, kPass, kTreeFiles, tree, kFirst, {2, 2, 2.63, 5.4}, {}, Status},
      {"git status, again", kLower, kPass, kTreeFiles, tree, kAgain, {1.1, 1.1, 2.23, 4.1}, RunStatus, Status},
      {"grep -r, first", kLower, kPass, kTreeFiles, tree, kFirst, {2.2, 2.2, 4.4, 5}, {}, Grep},
      {"grep -r, again", kLower, kPass, kTreeFiles, tree, kAgain, {2.5, 2.5, 5.1, 7}, RunGrep, Grep},
      {"untar", kLower, kPass, kArchived, tree, kAgain, {1.1, 8, 1.2, 11}, MakeScratch, Untar},
      {"compile", kLower, kPass, kUnits, code, kAgain, {1.03, 1.1, 1.16, 1.31}, MakeScratch, Compile},
  };
}

}  // namespace sluicebench
