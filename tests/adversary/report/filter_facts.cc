#include <elf.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "../allowed_calls.h"
#include "generated/release/broker_devices_policy.h"
#include "generated/release/broker_policy.h"
#include "generated/release/foreign_broker_policy.h"
#include "generated/release/sluiced_policy.h"
#include "generated/release/keeper_policy.h"
#include "generated/release/supervisor_policy.h"
#include "generated/release/worker_ro_policy.h"
#include "generated/release/worker_rw_policy.h"
#include "process_facts.h"
#include "sandbox/compiler/calls.h"
#include "sandbox/compiler/meaning.h"

namespace sluice::adversary {
namespace {

using sandbox::Instruction;

std::string name_of(uint32_t number) {
  for (const sandbox::NewCall& call : sandbox::new_calls()) {
    if (call.number == number) return std::string(call.name);
  }
  char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, static_cast<int>(number));
  const std::string text = name != nullptr ? name : std::to_string(number);
  std::free(name);
  return text;
}

bool same(std::span<const Instruction> one, std::span<const Instruction> other) {
  return one.size() == other.size() && std::memcmp(one.data(), other.data(), one.size_bytes()) == 0;
}

// Stopped between two instructions of its own, for as long as the dump takes.
class Attached {
 public:
  explicit Attached(pid_t pid) : pid_(pid) {
    int status = 0;
    ok_ = ::ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 && ::ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 &&
          ::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
  }
  ~Attached() { ::ptrace(PTRACE_DETACH, pid_, 0, 0); }
  bool ok() const { return ok_; }

 private:
  pid_t pid_;
  bool ok_;
};

}  // namespace

std::string dump_filters(pid_t pid, std::vector<std::vector<Instruction>>& filters) {
  static_assert(sizeof(Instruction) == sizeof(struct sock_filter));
  const Attached attached(pid);
  if (!attached.ok()) return std::string("ptrace: ") + std::strerror(errno);
  for (long index = 0;; ++index) {
    const long length = ::ptrace(PTRACE_SECCOMP_GET_FILTER, pid, index, nullptr);
    if (length < 0) {
      // ENOENT: there are no more. EINVAL: there is none at all.
      if (errno == ENOENT || (errno == EINVAL && index == 0)) return {};
      return std::string("PTRACE_SECCOMP_GET_FILTER: ") + std::strerror(errno);
    }
    std::vector<Instruction> program(static_cast<size_t>(length));
    if (::ptrace(PTRACE_SECCOMP_GET_FILTER, pid, index, program.data()) != length)
      return "a filter changed";
    filters.push_back(std::move(program));
  }
}

FilterFacts facts_of(const std::vector<Instruction>& program) {
  FilterFacts facts;
  facts.instructions = program.size();
  for (const sandbox::CompiledPolicy& policy :
       {sandbox::kBrokerPolicy, sandbox::kBrokerDevicesPolicy, sandbox::kForeignBrokerPolicy, sandbox::kSluicedPolicy, sandbox::kKeeperPolicy,
        sandbox::kSupervisorPolicy, sandbox::kWorkerRoPolicy, sandbox::kWorkerRwPolicy}) {
    if (same(policy.program, program)) facts.policy = policy.name;
  }
  for (uint32_t number = 0; number <= sandbox::kHighestCall; ++number) {
    const CallVerdict verdict = verdict_on(program, sandbox::kArchX86_64, number);
    // What cannot be followed counts as allowed without conditions.
    if (verdict.example || !verdict.understood) {
      const std::string name = name_of(number);
      facts.allowed.push_back(name);
      const sandbox::CallInfo* info = sandbox::find_call_info(name);
      if (info == nullptr || !info->args.empty()) ++facts.with_arguments;
      if (!verdict.always && verdict.understood) ++facts.with_conditions;
    }
    const CallVerdict x32 = verdict_on(program, sandbox::kArchX86_64, number | sandbox::kX32Bit);
    const CallVerdict i386 = verdict_on(program, sandbox::kArchI386, number);
    for (const CallVerdict& foreign : {x32, i386}) {
      if (foreign.example || !foreign.understood) ++facts.foreign;
    }
  }
  return facts;
}

}  // namespace sluice::adversary
