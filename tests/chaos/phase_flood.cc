// One application at full speed, with so many threads: what another one notices that asks now and then, in the same view and in
// another one. Beside it the same where the flood goes to a plain directory, which takes the processors from it as well.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

constexpr int kFiles = 64;
constexpr int64_t kSliceMilliseconds = 200;  // with the flood and without it, in turns
constexpr int64_t kSettleMilliseconds = 20;
constexpr long kPauseNanoseconds = 500'000;  // from one question to the next
// Who asks now and then is next: of eight threads in the order in which they ask, as many would be served before.
constexpr int kThreadsMost = 8;
constexpr int64_t kMostServedBefore = 4;

struct Shared {
  std::atomic<bool> on;
  std::atomic<int64_t> done;  // operations of the flood
};

int64_t nanoseconds() {
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void look(const std::string& directory, const std::string& name) {
  struct stat stat {};
  if (::lstat((directory + "/" + name).c_str(), &stat) == 0 || errno != ENOENT) ::_exit(3);
}

void flood_by(const std::string& directory, Shared& shared, const std::string& thread) {
  for (int64_t i = 0;; ++i) {
    while (!shared.on) sleep_milliseconds(1);
    if (i % 16 == 15) {
      DIR* listed = ::opendir(directory.c_str());
      while (listed != nullptr && ::readdir(listed) != nullptr) {
      }
      if (listed != nullptr) ::closedir(listed);
    } else if (i % 2 == 1) {
      const int fd = ::open((directory + "/" + std::to_string(i % kFiles)).c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) ::_exit(3);
      ::close(fd);
    } else {
      look(directory, "absent-" + thread + "-" + std::to_string(i));
    }
    ++shared.done;
  }
}

pid_t start_flood(const std::string& directory, Shared& shared, int threads) {
  return start_as(kUser, [&] {
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i) {
      all.emplace_back([&, i] { flood_by(directory, shared, std::to_string(::getpid()) + "-" + std::to_string(i)); });
    }
    for (std::thread& thread : all) thread.join();
  });
}

struct Noticed {
  double alone[2], flooded[2];  // microseconds: of half of the questions at most, and of 99 of 100
  int64_t before;               // of half of them at most: operations of the flood that ended meanwhile
  int64_t per_second;           // of the flood
};

template <typename T>
T at_most(std::vector<T>& all, size_t of_100) {
  if (all.empty()) return -1;
  std::sort(all.begin(), all.end());
  return all[std::min(all.size() - 1, all.size() * of_100 / 100)];
}

Noticed ask_now_and_then(const std::string& directory, Shared& shared, size_t rounds) {
  std::vector<int64_t> took[2], before;
  int64_t done = 0, time = 0;
  for (size_t i = 0; i < 2 * rounds; ++i) {
    const bool flooded = i % 2 == 1;
    shared.on = flooded;
    sleep_milliseconds(kSettleMilliseconds);
    const int64_t from = nanoseconds(), done_from = shared.done;
    for (int k = 0; nanoseconds() < from + kSliceMilliseconds * 1'000'000; ++k) {
      const struct timespec pause {0, kPauseNanoseconds};
      ::nanosleep(&pause, nullptr);
      const int64_t asked = nanoseconds(), done_then = shared.done;
      look(directory, "missing-" + std::to_string(::getpid()) + "-" + std::to_string(i) + "-" + std::to_string(k));
      took[flooded].push_back(nanoseconds() - asked);
      if (flooded) before.push_back(shared.done - done_then);
    }
    if (flooded) done += shared.done - done_from;
    if (flooded) time += nanoseconds() - from;
  }
  shared.on = false;
  const auto microseconds = [&](bool flooded, size_t of_100) { return static_cast<double>(at_most(took[flooded], of_100)) / 1000; };
  return {{microseconds(false, 50), microseconds(false, 99)}, {microseconds(true, 50), microseconds(true, 99)},
          at_most(before, 50), time == 0 ? 0 : done * 1'000'000'000 / time};
}

Noticed notice(const std::string& asked, const std::string& flooded, int threads, size_t rounds) {
  void* page = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) std::abort();
  Shared& shared = *new (page) Shared{};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) std::abort();
  const pid_t flood = start_flood(flooded, shared, threads);
  Noticed noticed{};
  run_as(kUser, "who asks now and then", [&] {
    const Noticed found = ask_now_and_then(asked, shared, rounds);
    expect(::write(ends[1], &found, sizeof(found)) == sizeof(found), "it is told");
  });
  ::close(ends[1]);
  expect(::read(ends[0], &noticed, sizeof(noticed)) == sizeof(noticed), "it was told");
  ::close(ends[0]);
  expect(::waitpid(flood, nullptr, WNOHANG) == 0, "the flood goes on");
  ::kill(flood, SIGKILL);
  ::waitpid(flood, nullptr, 0);
  ::munmap(page, sizeof(Shared));
  return noticed;
}

void print(const std::string& where, int threads, const Noticed& noticed) {
  std::printf("| %s | %d | %ld | %.0f, %.0f us | %.0f, %.0f us | %.2f, %.2f | %ld |\n", where.c_str(), threads,
              static_cast<long>(noticed.per_second), noticed.alone[0], noticed.alone[1], noticed.flooded[0], noticed.flooded[1],
              noticed.flooded[0] / noticed.alone[0], noticed.flooded[1] / noticed.alone[1], static_cast<long>(noticed.before));
  std::fflush(stdout);
}

}  // namespace

void play_flood(Stage& stage) {
  stage.make_directory("flood");
  const std::string other = stage.view() + "-2";
  expect_done(::mkdir(other.c_str(), 0755) == 0, other);
  const std::string at = "/flood/top";
  for (const std::string& parent : {stage.plain(), stage.under()}) {
    for (int i = 0; i < kFiles; ++i) {
      const std::string path = parent + at + "/" + std::to_string(i);
      expect(write_file(path, O_EXCL, "of it") && ::chmod(path.c_str(), 0644) == 0, path);
    }
  }
  const auto view = stage.mount();
  const auto second = MountedView::start(stage.options().programs, stage.under(), other, {"--identity", std::to_string(kUser)});
  if (second == nullptr) return expect(false, "a second view");
  for (const int threads : {1, 4, kThreadsMost}) {
    const size_t rounds = stage.options().rounds;
    print("plain directory", threads, notice(stage.view() + at, stage.plain() + at, threads, rounds));
    print("another view", threads, notice(stage.view() + at, other + at, threads, rounds));
    const Noticed same = notice(stage.view() + at, stage.view() + at, threads, rounds);
    print("same view", threads, same);
    expect(same.before <= kMostServedBefore, "who asks now and then is next: " + std::to_string(same.before) +
                                                 " operations of a flood of " + std::to_string(threads) + " threads were before");
  }
}

}  // namespace sluice::model
