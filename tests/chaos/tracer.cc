#include "tests/chaos/tracer.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/model/checks.h"

namespace sluice::model {
namespace {

constexpr int kSystemCall = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD

std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> threads;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task", error)) {
    threads.push_back(std::atoi(entry.path().filename().c_str()));
  }
  return threads;
}

// At a stop; what else came than one of ours is delivered.
void go_on(pid_t thread, int status) {
  const int signal = WSTOPSIG(status);
  const bool is_own = signal == kSystemCall || status >> 16 != 0;
  (void)::ptrace(PTRACE_SYSCALL, thread, nullptr, is_own ? 0 : signal);
}

}  // namespace

Tracer::Tracer(pid_t process) : process_(process) {
  for (const pid_t thread : threads_of(process)) {
    const bool seized = ::ptrace(PTRACE_SEIZE, thread, nullptr, PTRACE_O_TRACESYSGOOD) == 0 &&
                        ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0;
    expect(seized, "thread " + std::to_string(thread) + " is seized");
  }
}

Tracer::~Tracer() {
  if (ended_) return;
  for (const pid_t thread : threads_of(process_)) {
    int status;
    if (::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) < 0) continue;
    if (::waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status)) (void)::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
  }
}

int Tracer::run(pid_t child, int kill_at) {
  int steps = 0, of_child = -1;
  bool killed = false;
  for (bool child_ended = false; !child_ended || (killed && !ended_);) {
    int status = -1;
    const pid_t who = ::waitpid(-1, &status, __WALL);
    if (who < 0 && errno != EINTR) break;
    if (who < 0) continue;
    if (who == child) {
      child_ended = true;
      of_child = status;
    } else if (!WIFSTOPPED(status)) {
      ended_ = ended_ || who == process_;
    } else {
      if (WSTOPSIG(status) == kSystemCall && ++steps == kill_at) killed = ::kill(process_, SIGKILL) == 0;
      go_on(who, status);
    }
  }
  return of_child;
}

}  // namespace sluice::model
