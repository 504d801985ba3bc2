// Random operations by several processes at once, each in directories of its own.
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <span>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/contest.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/tree.h"

namespace sluice::model {
namespace {

std::string name_of(size_t process, size_t round) {
  return "p" + std::to_string(process) + "r" + std::to_string(round);
}

class Contest {
 public:
  // view: what is compared with the stage's plain directory.
  Contest(const Stage& stage, std::string view)
      : stage_(stage), arena_{stage.plain(), std::move(view)}, options_(stage.options()) {
    if (options_.one_round) options_.processes = options_.rounds = 1;
    // Shared with the processes, which fill it in.
    const size_t count = options_.processes * options_.rounds;
    verdicts_ = {static_cast<Verdict*>(::mmap(nullptr, count, PROT_READ | PROT_WRITE,
                                              MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
                 count};
    stage.make_directory("spare");
    for (size_t i = 0; i < count; ++i) stage.make_directory(name_at(i));
  }
  ~Contest() { ::munmap(verdicts_.data(), verdicts_.size()); }
  Contest(const Contest&) = delete;
  Contest& operator=(const Contest&) = delete;

  void play(const Catalogue& catalogue) {
    std::vector<pid_t> pids;
    for (size_t process = 0; process < options_.processes; ++process) {
      pids.push_back(start_as(kUser, [&, process] { play_rounds(catalogue, process); }));
    }
    wait_for(pids, "contest");
    const auto count = [&](Verdict verdict) {
      return static_cast<long>(std::count(verdicts_.begin(), verdicts_.end(), verdict));
    };
    std::printf("%ld rounds of %zu steps are the same, %ld more up to a known difference\n",
                count(Verdict::kSame), options_.steps, count(Verdict::kKnown));
    expect(count(Verdict::kSame) >= count(Verdict::kKnown), "most rounds end early");
  }

  // What the view's source holds in the end, in the rounds that were played to the end.
  void compare_sources() const {
    for (size_t i = 0; i < verdicts_.size(); ++i) {
      if (verdicts_[i] != Verdict::kSame) continue;
      const std::string name = "/" + name_at(i);
      const std::string found =
          differences(tree_of(stage_.plain() + name), tree_of(stage_.under() + name), "plain",
                      "the view's source");
      expect(found.empty(), name + ": the final trees differ:\n" + found);
    }
  }

 private:
  std::string name_at(size_t i) const { return name_of(i / options_.rounds, i % options_.rounds); }

  // A process's rounds, one after the other.
  void play_rounds(const Catalogue& catalogue, size_t process) {
    for (size_t round = 0; round < options_.rounds; ++round) {
      const uint64_t seed =
          options_.one_round ? options_.seed : options_.seed * 1000000 + process * 1000 + round;
      const Verdict verdict =
          play_and_report(catalogue, arena_, name_of(process, round), seed, options_.steps);
      verdicts_[process * options_.rounds + round] = verdict;
      expect(verdict != Verdict::kDifferent, "round " + name_of(process, round));
      if (verdict == Verdict::kDifferent && !options_.keep_going) return;
    }
  }

  const Stage& stage_;
  const Arena arena_;
  Options options_;
  std::span<Verdict> verdicts_;
};

void play_writable(const Stage& stage, const Catalogue& catalogue, const std::string& identity,
                   std::vector<std::string> arguments) {
  if (stage.options().self_check) {
    Contest contest(stage, stage.under());
    contest.play(catalogue);
    return contest.compare_sources();
  }
  const auto view = stage.mount_as(identity, std::move(arguments));
  contest_in(stage, catalogue);
  view->expect_passthrough();
}

}  // namespace

void contest_in(const Stage& stage, const Catalogue& catalogue) {
  Contest contest(stage, stage.view());
  contest.play(catalogue);
  contest.compare_sources();
}

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
  const Options& options = stage.options();
  constexpr const char* kRounds[] = {"p0r0", "p1r0"};
  for (const char* name : kRounds) stage.make_directory(name);
  run_as(kUser, "equal trees", [&] {
    for (const char* name : kRounds) {
      constexpr uint64_t kSeed = 77;
      expect(play_and_report(catalogue, {stage.plain(), stage.under(), false}, name, kSeed, 400) ==
                 Verdict::kSame,
             "two plain directories differ");
    }
  });
  const std::string plain = stage.plain();
  expect(
      ::mount(plain.c_str(), plain.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
          ::mount(nullptr, plain.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0,
      "read-only bind mount");
  {
    const auto view = stage.mount({"--ro"});
    std::vector<pid_t> pids;
    for (const char* name : kRounds) {
      pids.push_back(start_as(kUser, [&, name] {
        const uint64_t seed =
            options.one_round ? options.seed : options.seed * 1000 + (name[1] - '0');
        expect(play_and_report(catalogue, {plain, stage.view(), false}, name, seed,
                               options.steps * 4) != Verdict::kDifferent,
               "read-only contest");
      }));
    }
    wait_for(pids, "read-only contest");
    view->expect_passthrough();
  }
  ::umount2(plain.c_str(), MNT_DETACH);
}

}  // namespace sluice::model
