#include "call_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allowed_calls.h"
#include "raw_call.h"
#include "sandbox/bpf_eval.h"

namespace sluice::adversary {
namespace {

constexpr int kBlockedMilliseconds = 3000;

[[noreturn]] void make_call(CallSpace space, uint32_t number, Arguments arguments,
                            const std::function<bool()>& confine) {
  const struct rlimit none { 0, 0 };
  ::setrlimit(RLIMIT_CORE, &none);
  static const struct timespec at_once { 0, 0 };
  // The one call that would wait for ever with a null pointer.
  if (space == CallSpace::kX86_64 && number == SYS_ppoll) {
    arguments[2] = reinterpret_cast<uint64_t>(&at_once);
  }
  // Not an empty message, which its reader takes for the end: one byte of nowhere.
  if (space == CallSpace::kX86_64 && number == SYS_write) arguments[2] = 1;
  const uint64_t registers[7] = {space == CallSpace::kX32 ? number | sandbox::kX32Bit : number,
                                 arguments[0],
                                 arguments[1],
                                 arguments[2],
                                 arguments[3],
                                 arguments[4],
                                 arguments[5]};
  if (!confine()) ::_exit(99);
  if (space == CallSpace::kI386) {
    sluice_raw_call_i386(number);
  } else {
    sluice_raw_call(registers);
  }
  asm volatile("int3");  // SIGTRAP: the call came back
  ::_exit(98);
}

char outcome_of(pid_t pid) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  struct pollfd entry {
    pidfd, POLLIN, 0
  };
  const bool ended = ::poll(&entry, 1, kBlockedMilliseconds) == 1;
  ::close(pidfd);
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 99) return '!';
  if (!ended || WIFEXITED(status)) return 'A';
  // SIGSEGV: int 0x80 where the kernel has no i386 calls.
  const int signal = WTERMSIG(status);
  return signal == SIGSYS ? '.' : signal == SIGSEGV ? '-' : 'A';
}

}  // namespace

std::string probe(CallSpace space, std::span<const Arguments> arguments,
                  const std::function<bool()>& confine) {
  std::string outcomes;
  for (uint32_t number = 0; number < kProbedCalls; ++number) {
    const Arguments with = arguments.empty() ? Arguments{} : arguments[number];
    const auto pid = static_cast<pid_t>(::syscall(SYS_fork));
    if (pid == 0) make_call(space, number, with, confine);
    outcomes += pid < 0 ? '!' : outcome_of(pid);
  }
  return outcomes;
}

std::array<Arguments, kProbedCalls> allowed_arguments(
    std::span<const sandbox::Instruction> program) {
  std::array<Arguments, kProbedCalls> all{};
  for (uint32_t number = 0; number < kProbedCalls; ++number) {
    const CallVerdict verdict = verdict_on(program, sandbox::kArchX86_64, number);
    if (verdict.example) all[number] = verdict.example->args;
  }
  return all;
}

void probe_all(std::span<const sandbox::Instruction> program, const std::function<bool()>& confine,
               const std::function<void(std::string)>& tell) {
  const auto allowed = allowed_arguments(program);
  // What is let through shall not wait: for nobody, on a channel.
  for (int fd = 3; fd < 64; ++fd) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  tell("x86-64 zeros " + probe(CallSpace::kX86_64, {}, confine));
  tell("x86-64 allowed " + probe(CallSpace::kX86_64, allowed, confine));
  tell("x32 allowed " + probe(CallSpace::kX32, allowed, confine));
  tell("i386 zeros " + probe(CallSpace::kI386, {}, confine));
}

}  // namespace sluice::adversary
