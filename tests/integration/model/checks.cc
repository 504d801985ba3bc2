#include "tests/integration/model/checks.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace sluice::model {
namespace {

int failed = 0;

}  // namespace

void expect(bool holds, const std::string& what) {
  if (holds) return;
  ++failed;
  std::fprintf(stderr, "FAIL: %s\n", what.c_str());
}

void expect_equal(int64_t is, int64_t should_be, const std::string& what) {
  expect(is == should_be,
         what + ": is " + std::to_string(is) + ", should be " + std::to_string(should_be));
}

int failures() { return failed; }

void become(uid_t uid) {
  const gid_t gid = uid;
  if (::setgroups(1, &gid) < 0 || ::setresgid(gid, gid, gid) < 0 ||
      ::setresuid(uid, uid, uid) < 0 || ::prctl(PR_SET_DUMPABLE, 1) < 0) {
    std::perror("become the user");
    ::_exit(2);
  }
}

pid_t start_as(uid_t uid, const std::function<void()>& action) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  failed = 0;
  if (uid != 0 && ::geteuid() == 0) become(uid);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(2);
  action();
  std::fflush(nullptr);
  ::_exit(failed == 0 ? 0 : 1);
}

void wait_for(const std::vector<pid_t>& pids, const std::string& what) {
  for (const pid_t pid : pids) {
    int status = -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    ++failed;
    std::fprintf(stderr, "FAIL: %s: process %d ended with status 0x%x\n", what.c_str(), pid,
                 static_cast<unsigned>(status));
  }
}

int64_t now_milliseconds() {
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1000000;
}

void sleep_milliseconds(int64_t milliseconds) {
  const struct timespec time { milliseconds / 1000, milliseconds % 1000 * 1000000 };
  ::nanosleep(&time, nullptr);
}

bool within(int64_t milliseconds, const std::function<bool()>& holds) {
  const int64_t end = now_milliseconds() + milliseconds;
  while (!holds()) {
    if (now_milliseconds() >= end) return false;
    sleep_milliseconds(1);
  }
  return true;
}

}  // namespace sluice::model
