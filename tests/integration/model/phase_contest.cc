// Random operations by several processes at once, each in directories of its own.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/contest.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/tree.h"

namespace sluice::model {
namespace {

std::string name_of(size_t process, size_t round) {
  return "p" + std::to_string(process) + "r" + std::to_string(round);
}

// A process's rounds, one after the other.
void play_rounds(const Options& options, const Catalogue& catalogue, const Arena& arena,
                 size_t process) {
  for (size_t round = 0; round < options.rounds; ++round) {
    const uint64_t seed =
        options.one_round ? options.seed : options.seed * 1000000 + process * 1000 + round;
    const bool same =
        play_and_report(catalogue, arena, name_of(process, round), seed, options.steps);
    expect(same, "process " + std::to_string(process) + ", round " + std::to_string(round));
    if (!same && !options.keep_going) return;
  }
}

void play_all(const Stage& stage, const Catalogue& catalogue, const Arena& arena) {
  Options options = stage.options();
  if (options.one_round) options.processes = options.rounds = 1;
  for (size_t process = 0; process < options.processes; ++process) {
    for (size_t round = 0; round < options.rounds; ++round) {
      stage.make_directory(name_of(process, round));
    }
  }
  stage.make_directory("spare");
  std::vector<pid_t> pids;
  for (size_t process = 0; process < options.processes; ++process) {
    pids.push_back(
        start_as(kUser, [&, process] { play_rounds(options, catalogue, arena, process); }));
  }
  wait_for(pids, "contest");
}

void compare_sources(const Stage& stage) {
  if (failures() > 0) return;  // the trees differ where a round stopped early
  const std::string found =
      differences(tree_of(stage.plain()), tree_of(stage.under()), "plain", "the view's source");
  expect(found.empty(), "the final trees differ:\n" + found);
}

void play_writable(const Stage& stage, const Catalogue& catalogue, const std::string& identity,
                   std::vector<std::string> arguments) {
  if (stage.options().self_check) {
    play_all(stage, catalogue, {stage.plain(), stage.under()});
    return compare_sources(stage);
  }
  const auto view = stage.mount_as(identity, std::move(arguments));
  play_all(stage, catalogue, {stage.plain(), stage.view()});
  view->expect_passthrough();
  compare_sources(stage);
}

}  // namespace

void play_contest(Stage& stage) { play_writable(stage, Catalogue(), std::to_string(kUser), {}); }

void play_contest_at_once(Stage& stage) {
  play_writable(stage, Catalogue(), std::to_string(kUser), {"--coherence", "0s"});
}

void play_contest_preserved(Stage& stage) {
  Catalogue catalogue;
  catalogue.remove("open_temp");  // a nameless file would belong to the broker's user
  play_writable(stage, catalogue, "preserve", {});
}

// A read-only view against a read-only bind mount, of equal trees.
void play_contest_read_only(Stage& stage) {
  const Catalogue catalogue;
  Options one = stage.options();
  constexpr uint64_t kSeed = 77;
  for (const char* name : {"p0r0", "p1r0"}) stage.make_directory(name);
  run_as(kUser, "equal trees", [&] {
    for (const char* name : {"p0r0", "p1r0"}) {
      expect(play_and_report(catalogue, {stage.plain(), stage.under()}, name, kSeed, 400),
             "two plain directories differ");
    }
  });
  const std::string plain = stage.plain();
  expect(::mount(plain.c_str(), plain.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
             ::mount(nullptr, plain.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0,
         "read-only bind mount");
  {
    const auto view = stage.mount({"--ro"});
    std::vector<pid_t> pids;
    for (const char* name : {"p0r0", "p1r0"}) {
      pids.push_back(start_as(kUser, [&, name] {
        const uint64_t seed = one.seed * 1000 + (name[1] - '0');
        expect(play_and_report(catalogue, {plain, stage.view(), false}, name, seed, one.steps * 2),
               "read-only contest");
      }));
    }
    wait_for(pids, "read-only contest");
    view->expect_passthrough();
  }
  ::umount2(plain.c_str(), MNT_DETACH);
}

}  // namespace sluice::model
