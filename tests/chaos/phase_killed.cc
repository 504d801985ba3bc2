// Random operations as in the contest, while the worker or the broker is killed again and again: the results are those of a
// plain directory, and nobody waits for long.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/model/catalogue.h"
#include "tests/integration/model/checks.h"
#include "tests/integration/model/random.h"
#include "tests/integration/model/stage.h"

namespace sluice::model {
namespace {

// The service has another ready at once for one that lived for a second, and forgives one end in that time
// (core::RecoveryLimits).
struct Between {
  int64_t least, most;  // milliseconds
};
constexpr Between kBetweenKills{1010, 1210};
// Of a service that does not count them: before there is a spare worker, and after.
constexpr Between kOften{40, 700};
constexpr int64_t kMostPauseMilliseconds = 5000;

// Asked by a byte, says how many microseconds a look at a name took that nobody remembers.
class Prober {
 public:
  explicit Prober(std::string view) : view_(std::move(view)) {
    if (::pipe(question_) < 0 || ::pipe(answer_) < 0) std::abort();
    pid_ = start_as(kUser, [this] { serve(); });
    ::close(question_[0]);
    ::close(answer_[1]);
  }
  ~Prober() {
    ::close(question_[1]);
    wait_for({pid_}, "prober");
    ::close(answer_[0]);
  }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  bool ask() { return ::write(question_[1], "?", 1) == 1; }
  int64_t answer() {
    int64_t microseconds = -1;
    return ::read(answer_[0], &microseconds, sizeof(microseconds)) == sizeof(microseconds) ? microseconds : -1;
  }

 private:
  void serve() {
    ::close(question_[1]);
    char byte;
    for (int i = 0; ::read(question_[0], &byte, 1) == 1; ++i) {
      struct timespec from, to;
      struct stat stat {};
      ::clock_gettime(CLOCK_MONOTONIC, &from);
      const bool found = ::lstat((view_ + "/absent" + std::to_string(i)).c_str(), &stat) == 0;
      expect(!found && errno == ENOENT, "a name that is not there");
      ::clock_gettime(CLOCK_MONOTONIC, &to);
      const int64_t took = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
      if (::write(answer_[1], &took, sizeof(took)) != sizeof(took)) return;
    }
  }

  std::string view_;
  int question_[2], answer_[2];
  pid_t pid_;
};

int64_t percentile(const std::vector<int64_t>& sorted, size_t of_100) {
  return sorted.empty() ? -1 : sorted[std::min(sorted.size() - 1, sorted.size() * of_100 / 100)];
}

void print_table(size_t kills, std::vector<int64_t> pauses) {
  std::sort(pauses.begin(), pauses.end());
  std::printf("| kills survived | pause p50 | p99 | longest |\n|---|---|---|---|\n| %zu | %.1f ms | %.1f ms | %.1f ms |\n",
              kills, static_cast<double>(percentile(pauses, 50)) / 1000,
              static_cast<double>(percentile(pauses, 99)) / 1000,
              static_cast<double>(percentile(pauses, 100)) / 1000);
}

// In another worker, a removed file that is open for reading only cannot have its attributes changed, and one that is held by
// an O_PATH descriptor cannot be opened (SECURITY.md).
constexpr std::initializer_list<const char*> kNotOfTheNextWorker = {"fchmod", "fchown", "futimens", "reopen"};
// Another broker opens anew what is open, by its name: so nothing loses its name here, nor the permission; and what is made without
// a permission for its owner is not synced, cut or searched for holes.
constexpr std::initializer_list<const char*> kNotOfTheNextBroker = {
    "fchmod",  "fchown", "futimens", "reopen", "unlink", "rename",    "open_temp", "link_file",      "chmod",
    "chown",   "umask",  "restore",  "sync",   "map_sync", "ftruncate", "fallocate", "seek_data_hole", "copy_file_range"};

void play_deaths(Stage& stage, pid_t (MountedView::*victim)() const, std::initializer_list<const char*> without,
                 Between between = kBetweenKills) {
  const auto view = stage.mount();
  const int files = view->files_of_broker();  // none of the source's
  std::vector<int64_t> pauses;
  size_t kills = 0;
  {
    Prober prober(stage.view());
    std::atomic<bool> ended = false;
    std::thread killer([&] {
      Random random(stage.options().seed);
      while (!ended) {
        const bool soon = random.chance(70);
        sleep_milliseconds(random.between(between.least, soon ? between.least + (between.most - between.least) / 4 : between.most));
        const pid_t process = (*view.*victim)();
        if (process <= 0 || ended) continue;
        if (::kill(process, SIGKILL) < 0) continue;
        ++kills;
        if (!prober.ask()) break;
        pauses.push_back(prober.answer());
      }
    });
    Catalogue catalogue;
    catalogue.expect_deaths();
    for (const char* operation : without) catalogue.remove(operation);
    contest_in(stage, catalogue);
    ended = true;
    killer.join();
  }
  print_table(kills, pauses);
  expect(kills > 1, "it was killed");
  expect(std::all_of(pauses.begin(), pauses.end(), [](int64_t pause) { return pause >= 0 && pause < kMostPauseMilliseconds * 1000; }),
         "everybody was answered");
  expect(within(4000, [&] { return view->files_of_broker() == files && view->grants() == 0; }), "no file stays granted");
  view->expect_passthrough();
  expect_equal(view->take_ids(), 0, "ids that the kernel has, and no ledger");
}

}  // namespace

void play_killed(Stage& stage) { play_deaths(stage, &MountedView::worker, kNotOfTheNextWorker); }
void play_killed_often(Stage& stage) { play_deaths(stage, &MountedView::worker, kNotOfTheNextWorker, kOften); }
void play_killed_brokers(Stage& stage) { play_deaths(stage, &MountedView::broker, kNotOfTheNextBroker); }

}  // namespace sluice::model
