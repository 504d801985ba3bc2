#include "sandboxed_child.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "raw_call.h"

namespace sluice::sandbox {
namespace {

constexpr size_t kMostCalls = 4096;

struct Shared {
  int install_error;
  size_t done;
  long results[kMostCalls];
};

[[noreturn]] void child(Shared* shared, std::span<const Instruction> program,
                        std::span<const CallData> calls, bool i386) {
  const struct rlimit none { 0, 0 };
  setrlimit(RLIMIT_CORE, &none);
  for (const int number : {SIGILL, SIGSYS, SIGSEGV}) signal(number, SIG_DFL);
  syscall(SYS_close_range, 0, ~0u, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  struct sock_fprog filter {};
  filter.len = static_cast<unsigned short>(program.size());
  filter.filter = reinterpret_cast<struct sock_filter*>(const_cast<Instruction*>(program.data()));
  shared->install_error = 0;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) {
    shared->install_error = errno;
    _exit(0);
  }
  // From here on the filter may deny anything: nothing but the calls themselves.
  for (size_t i = 0; i < calls.size(); ++i) {
    const CallData& call = calls[i];
    const uint64_t registers[7] = {call.nr,      call.args[0], call.args[1], call.args[2],
                                   call.args[3], call.args[4], call.args[5]};
    shared->results[i] = i386 ? sluice_raw_call_i386(call.nr) : sluice_raw_call(registers);
    shared->done = i + 1;
  }
  // The instruction itself: before __builtin_trap() clang's AddressSanitizer makes calls.
  for (;;) asm volatile("ud2");
}

}  // namespace

ChildResult run_filtered(std::span<const Instruction> program, std::span<const CallData> calls,
                         bool i386) {
  if (calls.size() > kMostCalls) throw std::runtime_error("too many calls");
  void* page =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::runtime_error("mmap");
  auto* shared = static_cast<Shared*>(page);
  shared->install_error = -1;
  // The system call itself: a sanitizer's fork() would start a thread in the child, and then a
  // killed thread is not a killed process.
  const auto pid = static_cast<pid_t>(syscall(SYS_fork));
  if (pid < 0) throw std::runtime_error("fork");
  if (pid == 0) child(shared, program, calls, i386);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ChildResult result;
  result.installed = shared->install_error == 0;
  result.install_error = shared->install_error;
  result.results.assign(shared->results, shared->results + shared->done);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  munmap(page, sizeof(Shared));
  return result;
}

}  // namespace sluice::sandbox
