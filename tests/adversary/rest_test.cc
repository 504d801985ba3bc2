// Workers that rest. Invariants: a view without a worker is to its users as one with a worker, and to what is changed behind it
// (src/worker/worker.cc, can_rest()); what comes in the moment in which one ends is served; resting is no death, and whatever
// becomes of the view meanwhile finds it as it should be (src/service/rests.cc).
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <memory>

#include "running_service.h"

namespace sluice::adversary {
namespace {

const std::vector<std::string> kIdle = {"--worker-idle", "1"};
constexpr int kRestsMilliseconds = 8000;  // at the latest, on a machine that is busy with other things

bool rests(const RunningService& service) {
  const bool rested = eventually(kRestsMilliseconds, [] { return named("sluice-worker").empty(); });
  EXPECT_TRUE(rested) << "no worker rests: " << service.log();
  return rested;
}
std::string source_of_victim() {
  const std::string source = make_source("source", kVictim);
  write_all(source + "/other", "other\n", kVictim);
  return source;
}
bool reads(const View& view, const char* name, const std::string& content) {
  return in_process(kVictim, 8, [&] { EXPECT_EQ(read_all(view.path(name)), content) << name; });
}
void expect_no_death(const RunningService& service) {
  EXPECT_EQ(service.log().find("event=worker-ended"), std::string::npos) << service.log();
  EXPECT_EQ(service.log().find("event=worker-replaced"), std::string::npos) << service.log();
  EXPECT_EQ(service.log().find("event=worker-hangs"), std::string::npos) << service.log();
}
std::string status_of(const char* what) {
  std::string said;
  EXPECT_EQ(run_program({kSluice, "status", what}, &said, 5, [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0);
  return said;
}

ATTACK_WITHIN(RestAttack, WhatIsOpenGoesOnAndTheNextRequestIsServed, 40) {
  const RunningService service(kIdle);
  const View view(source_of_victim(), kVictim);
  ASSERT_TRUE(in_process(kVictim, 30, [&] {
    const os::Fd file(::open(view.path("file").c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(file) << errno;
    for (int round = 0; round < 2; ++round) {
      ASSERT_TRUE(rests(service));
      char bytes[8] = {};
      EXPECT_EQ(::pread(file.get(), bytes, 7, 0), 7) << errno;
      EXPECT_STREQ(bytes, "content");
      EXPECT_TRUE(named("sluice-worker").empty()) << "data woke a worker";
      EXPECT_EQ(::pwrite(file.get(), "CONTENT", 7, 0), 7) << errno;
      struct stat stat;
      EXPECT_EQ(::fstat(file.get(), &stat), 0) << errno;
      EXPECT_EQ(stat.st_size, 8);
      EXPECT_EQ(::fsync(file.get()), 0) << errno;
      EXPECT_EQ(read_all(view.path("other")), "other\n");
      EXPECT_EQ(::mkdir(view.path("made").c_str(), 0700), 0) << errno;
      EXPECT_EQ(::rmdir(view.path("made").c_str()), 0) << errno;
      EXPECT_EQ(::pwrite(file.get(), "content", 7, 0), 7) << errno;
    }
  }));
  ASSERT_TRUE(rests(service));
  // The service hears of the end of a worker a moment after it.
  std::string metrics;
  (void)eventually(2000, [&] {
    metrics = status_of("--metrics");
    return metrics.find("sluice_view_resting{service=\"/run/sluice.sock\",view=\"view-1\"} 1\n") != std::string::npos;
  });
  EXPECT_NE(metrics.find("sluice_service_workers_replaced_total{service=\"/run/sluice.sock\"} 0\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("sluice_service_workers_rested_total{service=\"/run/sluice.sock\"} 3\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("sluice_view_resting{service=\"/run/sluice.sock\",view=\"view-1\"} 1\n"), std::string::npos) << metrics;
  EXPECT_NE(status_of("view-1").find("resting"), std::string::npos);
  expect_no_death(service);
}

void change_behind(const std::string& source) {
  EXPECT_EQ(::unlink((source + "/file").c_str()), 0);
  write_all(source + "/dir/inner", "other inner\n", kVictim);
  EXPECT_EQ(::chmod((source + "/other").c_str(), 0600), 0);
  write_all(source + "/dir/absent", "", kVictim);
  write_all(source + "/absent", "", kVictim);
}

// The kernel remembers for longer than a worker has to be idle, and nobody watches while it rests.
ATTACK_WITHIN(RestAttack, WhatChangesBehindAViewThatRestsIsSeen, 60) {
  const RunningService service(kIdle);
  const std::string source = source_of_victim();
  ASSERT_EQ(::mkdir((source + "/dir").c_str(), 0755), 0);
  ASSERT_EQ(::chown((source + "/dir").c_str(), kVictim, kVictim), 0);
  write_all(source + "/dir/inner", "inner\n", kVictim);
  const View view(source, kVictim, {}, false, 5000);
  const std::string changed = work_dir() + "/changed";
  Program client([&] {
    if (::setresgid(kVictim, kVictim, kVictim) != 0 || ::setresuid(kVictim, kVictim, kVictim) != 0) ::_exit(3);
    struct stat stat;
    ASSERT_EQ(::chdir(view.path("dir").c_str()), 0);
    EXPECT_EQ(::stat(view.path("file").c_str(), &stat), 0);
    EXPECT_EQ(::stat("inner", &stat), 0);
    EXPECT_EQ(::stat("../other", &stat), 0);
    EXPECT_EQ(::access("absent", F_OK), -1);
    EXPECT_EQ(::access(view.path("absent").c_str(), F_OK), -1);
    // Who has a directory open, and asks nobody for its names.
    DIR* const open = ::opendir(".");
    ASSERT_NE(open, nullptr);
    const auto lists = [&](const std::string& name) {
      ::rewinddir(open);
      bool found = false;
      while (const struct dirent* entry = ::readdir(open)) found = found || name == entry->d_name;
      return found;
    };
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(lists("inner") && !lists("absent"));
    ASSERT_TRUE(eventually(20'000, [&] { return ::access(changed.c_str(), F_OK) == 0; }));
    EXPECT_TRUE(lists("absent")) << "names from before";
    EXPECT_EQ(::stat(view.path("file").c_str(), &stat), -1) << "a file that was removed";
    EXPECT_EQ(::stat("inner", &stat), 0);
    EXPECT_EQ(stat.st_size, 12) << "attributes from before";
    EXPECT_EQ(::stat("../other", &stat), 0);
    EXPECT_EQ(stat.st_mode & 0777, 0600u) << "attributes from before";
    EXPECT_EQ(::access("absent", F_OK), 0) << "a name that was made";
    EXPECT_EQ(::access(view.path("absent").c_str(), F_OK), 0) << "a name that was made";
  });
  ::usleep(300'000);
  EXPECT_TRUE(eventually(15'000, [] { return named("sluice-worker").empty(); })) << "no worker rests: " << service.log();
  change_behind(source);
  write_all(changed, "", 0);
  ASSERT_TRUE(client.ended(10'000));
  EXPECT_EQ(client.status(), 0);
  expect_no_death(service);
}

// What waits is served, whether the worker has read it or not when it is asked to rest; and nobody is told anything false.
ATTACK_WITHIN(RestAttack, ARequestInTheMomentInWhichItEnds, 60) {
  const RunningService service(kIdle);
  const View view(source_of_victim(), kVictim);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(reads(view, "file", "content\n"));
    const auto workers = named("sluice-worker");
    ASSERT_EQ(workers.size(), 1u);
    ::usleep(100'000);  // a close comes to the worker later: it is not to be stopped in it
    // It hears that it may rest and that there is a request in one.
    ASSERT_EQ(::kill(workers[0], SIGSTOP), 0);
    ::usleep(3'500'000);
    Program client([&] {
      if (::setresgid(kVictim, kVictim, kVictim) != 0 || ::setresuid(kVictim, kVictim, kVictim) != 0) ::_exit(3);
      ::_exit(read_all(view.path("other")) == "other\n" ? 0 : 1);
    });
    ::usleep(100'000);
    ASSERT_EQ(::kill(workers[0], SIGCONT), 0);
    ASSERT_TRUE(client.ended(4000)) << "it is not served: " << service.log();
    EXPECT_EQ(client.status(), 0);
  }
  expect_no_death(service);
}

// At any distance from the end of a rest.
ATTACK_WITHIN(RestAttack, RequestsAroundTheMomentInWhichItEnds, 90) {
  const RunningService service(kIdle);
  const View view(source_of_victim(), kVictim);
  ASSERT_TRUE(in_process(kVictim, 60 * persistence(), [&] {
    for (int i = 0; i < 24 * persistence(); ++i) {
      ::usleep(static_cast<useconds_t>(1'150'000 + 37'000 * (i % 12)));
      ASSERT_EQ(read_all(view.path("file")), "content\n") << i;
      ASSERT_EQ(::access(view.path("absent").c_str(), F_OK), -1);
      ASSERT_EQ(errno, ENOENT) << i;
    }
  }));
  EXPECT_NE(service.log().find("event=worker-rests"), std::string::npos) << service.log();
  expect_no_death(service);
}

// What only this worker can find keeps it there.
ATTACK_WITHIN(RestAttack, WhatHasNoNameAnyMoreIsNotForgotten, 40) {
  const RunningService service(kIdle);
  const std::string source = source_of_victim();
  const View view(source, kVictim);
  ASSERT_TRUE(in_process(kVictim, 30, [&] {
    ASSERT_EQ(::mkdir(view.path("gone").c_str(), 0700), 0);
    ASSERT_EQ(::chdir(view.path("gone").c_str()), 0);
    const os::Fd file(::open(view.path("other").c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::rmdir(view.path("gone").c_str()), 0);
    ASSERT_EQ(::unlink(view.path("other").c_str()), 0);
    ::usleep(3'500'000);
    struct stat stat;
    EXPECT_EQ(::stat(".", &stat), 0) << errno;
    EXPECT_EQ(::fchmod(file.get(), 0640), 0) << errno;
    EXPECT_EQ(::fstat(file.get(), &stat), 0) << errno;
    EXPECT_EQ(stat.st_mode & 0777, 0640u);
    EXPECT_FALSE(named("sluice-worker").empty()) << "it rests";
  }));
  EXPECT_TRUE(rests(service)) << "and when nobody has them any more";
}

// Other rules, another broker, an end: as with a worker.
ATTACK_WITHIN(RestAttack, WhateverBecomesOfTheView, 60) {
  const RunningService service(kIdle);
  auto view = std::make_unique<View>(source_of_victim(), kVictim);
  ASSERT_TRUE(reads(*view, "other", "other\n"));
  ASSERT_TRUE(rests(service));
  std::string said;
  EXPECT_EQ(run_program({kSluice, "reload", "view-1", "--hide", "other"}, &said, 8,
                        [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0) << said;
  EXPECT_TRUE(in_process(kVictim, 8, [&] { EXPECT_EQ(::access(view->path("other").c_str(), F_OK), -1) << "is shown"; }));
  expect_no_death(service);
  ASSERT_TRUE(rests(service));
  EXPECT_TRUE(in_process(kVictim, 8, [&] { EXPECT_EQ(::access(view->path("other").c_str(), F_OK), -1) << "is shown"; }));
  ASSERT_TRUE(rests(service));
  const auto brokers = named("sluice-broker");
  ASSERT_EQ(brokers.size(), 1u);
  ::kill(brokers[0], SIGKILL);
  EXPECT_TRUE(reads(*view, "file", "content\n"));
  EXPECT_TRUE(in_process(kVictim, 8, [&] { EXPECT_EQ(::access(view->path("other").c_str(), F_OK), -1) << "is shown"; }));
  ASSERT_TRUE(rests(service));
  view.reset();
  EXPECT_TRUE(eventually(4000, [] { return named("sluice-broker").empty(); })) << service.log();
  EXPECT_NE(service.log().find("why=\"unmounted\""), std::string::npos) << service.log();
  EXPECT_TRUE(named("sluice-worker").empty());
}

}  // namespace
}  // namespace sluice::adversary
