// Spare workers. Invariants: one that takes the place of a worker has the rules and the broker of now; what it is there for or not,
// whatever becomes of it, the view goes on; it is of no use to who keeps many views busy (src/service/spares.cc).
#include <fcntl.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "core/limits.h"
#include "core/recovery_limits.h"
#include "os/change_watch.h"
#include "running_service.h"
#include "sandbox/fds.h"

namespace sluice::adversary {
namespace {

pid_t the(const std::string& name) {
  const auto found = named(name);
  return found.size() == 1 ? found[0] : -1;
}

// Somebody who keeps views in use for as long as this is there.
class Use {
 public:
  explicit Use(std::vector<std::string> views) : program_([views = std::move(views)] {
    if (::setresgid(kVictim, kVictim, kVictim) != 0 || ::setresuid(kVictim, kVictim, kVictim) != 0) ::_exit(3);
    struct stat stat;
    for (uint64_t i = 0;; ++i) {
      for (const std::string& view : views) (void)::stat((view + "/absent" + std::to_string(i)).c_str(), &stat);
      ::usleep(2000);
    }
  }) {}

 private:
  Program program_;
};

// A view that is in use.
struct InUse {
  RunningService service;
  View view{make_source("source", kVictim), kVictim};
  Use use{{view.path()}};
};

bool has_spare(const RunningService& service) {
  // The service has it once its set-up process has ended, which has the name of the maker.
  const bool has = eventually(8000, [] { return the("sluice-spare") > 0 && the("sluiced-maker") > 0; });
  EXPECT_TRUE(has) << "no spare worker: " << service.log();
  return has;
}
bool reads(const View& view, const char* name, int seconds = 8) {
  return in_process(kVictim, seconds, [&] { EXPECT_EQ(read_all(view.path(name)), "content\n") << name; });
}
size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}
bool ends(pid_t pid) {
  return eventually(4000, [pid] { return field_of(pid, "State").empty() || field_of(pid, "State")[0] == 'Z'; });
}

ATTACK_WITHIN(SpareAttack, OneTakesThePlaceOfTheWorker, 40) {
  RunningService service;
  service.note();
  {
    const View view(make_source("source", kVictim), kVictim);
    const Use use({view.path()});
    for (int round = 0; round < 3; ++round) {
      ASSERT_TRUE(has_spare(service));
      const pid_t spare = the("sluice-spare"), worker = the("sluice-worker");
      ASSERT_GT(worker, 0);
      ASSERT_EQ(::kill(worker, SIGKILL), 0);
      ASSERT_TRUE(reads(view, "file"));
      EXPECT_EQ(the("sluice-worker"), spare) << service.log();
    }
    EXPECT_EQ(count(service.log(), "event=worker-replaced"), 3u) << service.log();
  }
  service.expect_as_noted("a view with a spare worker");
}

// Nor is what was granted asked for again: a build does not pay for the death of a worker file by file.
ATTACK_WITHIN(SpareAttack, WhatIsGrantedStaysSo, 40) {
  const RunningService service;
  const std::string source = make_source("source", kVictim);
  write_all(source + "/other", "content\n", kVictim);
  const View view(source, kVictim);
  const Use use({view.path()});
  const size_t before = descriptors_of(the("sluice-broker"));
  const auto granted = [&] { return descriptors_of(the("sluice-broker")) - before; };
  for (const bool with_spare : {true, false}) {
    if (with_spare) {
      ASSERT_TRUE(has_spare(service));
    }
    // Again where that took so long that it was over anyway.
    int64_t took = core::Limits::kIdleGrantMilliseconds;
    for (int i = 0; i < 20 && took >= core::Limits::kIdleGrantMilliseconds; ++i) {
      const auto from = std::chrono::steady_clock::now();
      ASSERT_TRUE(reads(view, "file"));
      ASSERT_TRUE(reads(view, "other"));
      ASSERT_EQ(granted(), 2u);
      ASSERT_EQ(::kill(the("sluice-worker"), SIGKILL), 0);
      ASSERT_TRUE(in_process(kVictim, 8, [&] { EXPECT_EQ(::access(view.path("absent").c_str(), F_OK), -1); }));
      const size_t left = granted();
      took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - from).count();
      if (took < core::Limits::kIdleGrantMilliseconds) {
        EXPECT_EQ(left, 2u) << with_spare;
      }
    }
    EXPECT_LT(took, core::Limits::kIdleGrantMilliseconds);
    EXPECT_TRUE(eventually(8000, [&] { return granted() == 0; })) << "for no longer than others";
  }
}

// It goes on with what its predecessor was told of changes by, and with none of the marks of that one.
ATTACK_WITHIN(SpareAttack, OneIsToldOfChanges, 40) {
  const RunningService service;
  const std::string source = make_source("source", kVictim);
  ASSERT_EQ(::mkdir((source + "/directory").c_str(), 0755), 0);
  const View view(source, kVictim, {}, false, 60'000);
  const Use use({view.path()});
  const auto marks = [] {
    return count(read_all("/proc/" + std::to_string(the("sluice-worker")) + "/fdinfo/" + std::to_string(sandbox::kFdWatch)),
                 "fanotify ino:");
  };
  const auto is_absent = [&] {
    return in_process(kVictim, 8, [&] { EXPECT_EQ(::access(view.path("directory/made").c_str(), F_OK), -1); });
  };
  ASSERT_TRUE(is_absent());
  EXPECT_EQ(marks(), 2u) << "the root's and the directory's";
  ASSERT_TRUE(has_spare(service));
  ASSERT_EQ(::kill(the("sluice-worker"), SIGKILL), 0);
  EXPECT_TRUE(eventually(4000, [&] { return marks() == 1; })) << marks();
  // Until the kernel has been told to forget what it remembers, it asks nobody.
  EXPECT_TRUE(eventually(4000, [&] { return is_absent() && marks() == 2; })) << marks();
  write_all(source + "/directory/made", "content\n", kVictim);
  ASSERT_TRUE(in_process(kVictim, 8, [&] {
    EXPECT_TRUE(eventually(4000, [&] { return ::access(view.path("directory/made").c_str(), F_OK) == 0; })) << "it is told of nothing";
  }));
}

// By what root makes it is told who changed something, whoever comes to have it.
ATTACK(SpareAttack, WhatTellsOfChangesHasNoPrivilege) {
  const std::string directory = make_source("source", kVictim);
  const auto who_is_told = [&](const os::Fd& group) {
    EXPECT_EQ(::fanotify_mark(group.get(), FAN_MARK_ADD | FAN_MARK_ONLYDIR, FAN_CREATE, AT_FDCWD, directory.c_str()), 0);
    EXPECT_TRUE(in_process(kVictim, 8, [&] { write_all(directory + "/made", "content\n", kVictim); }));
    EXPECT_EQ(::unlink((directory + "/made").c_str()), 0);
    alignas(fanotify_event_metadata) char events[4096];
    const ssize_t length = ::read(group.get(), events, sizeof(events));
    EXPECT_GE(length, static_cast<ssize_t>(sizeof(fanotify_event_metadata)));
    return reinterpret_cast<const fanotify_event_metadata*>(events)->pid;
  };
  EXPECT_GT(who_is_told(os::Fd(::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_REPORT_DFID_NAME, O_RDONLY))), 0);
  const auto of_worker = os::make_change_watch(kVictim);
  ASSERT_TRUE(of_worker.ok());
  EXPECT_EQ(who_is_told(*of_worker), 0);
  EXPECT_EQ(::geteuid(), 0u);
}

// It would begin with what it was started with, and nobody would tell it of other rules any more.
ATTACK_WITHIN(SpareAttack, OneOfOldRulesIsNotUsed, 40) {
  const InUse in_use;
  const auto& [service, view, use] = in_use;
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(has_spare(service));
    const pid_t before = the("sluice-spare");
    const bool hidden = round % 2 == 0;
    std::vector<std::string> reload = {kSluice, "reload", "view-1", "--hide", hidden ? "file" : "other"};
    std::string said;
    ASSERT_EQ(run_program(reload, &said, 8, [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0) << said;
    EXPECT_TRUE(ends(before)) << "one of the rules of before is still there";
    if (round == 2) {
      ASSERT_TRUE(has_spare(service));  // of the new rules
    }
    const pid_t worker = the("sluice-worker");
    ASSERT_GT(worker, 0);
    ASSERT_EQ(::kill(worker, SIGKILL), 0);
    ASSERT_TRUE(in_process(kVictim, 8, [&] {
      struct stat stat;
      EXPECT_EQ(::stat(view.path("file").c_str(), &stat), hidden ? -1 : 0) << round;
      if (hidden) {
        EXPECT_EQ(errno, ENOENT) << round;
      }
    }));
  }
}

// Its channels are those of a broker that has ended.
ATTACK_WITHIN(SpareAttack, OneOfAnotherBrokerIsNotUsed, 40) {
  const InUse in_use;
  const auto& [service, view, use] = in_use;
  ASSERT_TRUE(has_spare(service));
  const pid_t before = the("sluice-spare");
  ASSERT_EQ(::kill(the("sluice-broker"), SIGKILL), 0);
  ASSERT_TRUE(reads(view, "file"));
  EXPECT_TRUE(ends(before));
  EXPECT_EQ(count(service.log(), "event=worker-ended"), 1u) << service.log();
}

ATTACK_WITHIN(SpareAttack, OneThatIsStopped, 40) {
  const InUse in_use;
  const auto& [service, view, use] = in_use;
  ASSERT_TRUE(has_spare(service));
  const pid_t spare = the("sluice-spare");
  ASSERT_EQ(::kill(spare, SIGSTOP), 0);
  ASSERT_EQ(::kill(the("sluice-worker"), SIGKILL), 0);
  ASSERT_TRUE(reads(view, "file", 5));
  EXPECT_NE(service.log().find("event=worker-hangs"), std::string::npos) << service.log();
  EXPECT_TRUE(ends(spare));
}

ATTACK_WITHIN(SpareAttack, OneThatHasEnded, 40) {
  const InUse in_use;
  const auto& [service, view, use] = in_use;
  ASSERT_TRUE(has_spare(service));
  ASSERT_EQ(::kill(the("sluice-spare"), SIGKILL), 0);
  EXPECT_TRUE(eventually(4000, [&] { return service.log().find("event=no-spare") != std::string::npos; })) << service.log();
  ASSERT_EQ(::kill(the("sluice-worker"), SIGKILL), 0);
  ASSERT_TRUE(reads(view, "file"));
  ASSERT_TRUE(has_spare(service)) << "of the next worker";
}

// Nobody needs one of a view that rests, and its memory is what resting is for.
ATTACK_WITHIN(SpareAttack, NoneOfAViewThatRests, 40) {
  const RunningService service({"--worker-idle", "1"});
  const View view(make_source("source", kVictim), kVictim);
  {
    const Use use({view.path()});
    ASSERT_TRUE(has_spare(service));
  }
  EXPECT_TRUE(eventually(12'000, [] { return named("sluice-worker").empty() && named("sluice-spare").empty(); })) << service.log();
  EXPECT_NE(service.log().find("event=worker-rests"), std::string::npos) << service.log();
}

// Who has many views, all in use, has no more of them than others leave.
ATTACK_WITHIN(SpareAttack, NoMoreThanTheirShare, 90) {
  constexpr size_t kShare = core::RecoveryLimits::kSparesPerOwner;
  const RunningService service;
  const std::string source = make_source("source", kVictim);
  std::vector<std::unique_ptr<View>> views;
  std::vector<std::string> paths;
  for (size_t i = 0; i < kShare + 3; ++i) {
    views.push_back(std::make_unique<View>(source, kVictim, std::vector<std::string_view>{}, false, 0, "view" + std::to_string(i)));
    paths.push_back(views.back()->path());
  }
  const Use use(paths);
  EXPECT_TRUE(eventually(30'000, [] { return named("sluice-spare").size() == kShare; })) << named("sluice-spare").size();
  ::usleep(2'000'000);
  EXPECT_EQ(named("sluice-spare").size(), kShare);
}

}  // namespace
}  // namespace sluice::adversary
