#include "tests/integration/model/contained.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/integration/model/checks.h"

namespace sluice::model {
namespace {

volatile sig_atomic_t interrupted = 0;

void on_interrupt(int) { interrupted = 1; }

[[noreturn]] void run_child(const std::function<int(const std::string&)>& body,
                            const std::string& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  const struct rlimit no_core {};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (::unshare(CLONE_NEWNS) < 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
    std::perror("mount namespace");
    ::_exit(2);
  }
  const int result = body(work);
  std::fflush(nullptr);
  ::_exit(result);
}

}  // namespace

int run_contained(const Options& options, const std::function<int(const std::string&)>& body) {
  std::string work = options.work + "/sluice-model.XXXXXX";
  if (::mkdtemp(work.data()) == nullptr || ::chmod(work.c_str(), 0755) < 0) {
    std::perror(work.c_str());
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    run_child(body, work);
  }
  ::setpgid(child, child);
  int status = -1;
  const auto ended = [&] {
    return interrupted != 0 || ::waitpid(child, &status, WNOHANG) == child;
  };
  if (!within(options.deadline_seconds * 1000, ended) || interrupted != 0) {
    std::fprintf(stderr, "FAIL: %s\n", interrupted != 0 ? "interrupted" : "the deadline is over");
    interrupted = 0;
    // The views' commands take them off; what waits for a dead view is woken by that.
    ::kill(-child, SIGTERM);
    sleep_milliseconds(3000);
  }
  ::kill(-child, SIGKILL);
  if (status == -1) ::waitpid(child, &status, 0);
  std::error_code error;
  std::filesystem::remove_all(work, error);
  if (error) std::fprintf(stderr, "%s: %s\n", work.c_str(), error.message().c_str());
  return WIFEXITED(status) && !error ? WEXITSTATUS(status) : 1;
}

std::string missing(const Options& options) {
  if (::geteuid() != 0) return "root";
  if (::access("/dev/fuse", R_OK | W_OK) < 0) return "/dev/fuse";
  const std::string program = options.programs + "/sluice";
  if (::access(program.c_str(), X_OK) < 0) return program + " (set SLUICE_BIN)";
  return {};
}

}  // namespace sluice::model
