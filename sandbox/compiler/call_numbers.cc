#include <seccomp.h>

#include <string>

#include "sandbox/compiler/calls.h"

namespace sluice::sandbox {
namespace {

// libseccomp 2.5.4 ends at Linux 5.17, 2.6.0 at 6.13. Each number is from the kernel's
// arch/x86/entry/syscalls/syscall_64.tbl, first in the release named here. Where libseccomp knows
// the call too, a test compares the numbers.
constexpr NewCall kNewCalls[] = {
    {"cachestat", 451, "Linux 6.5"},         {"fchmodat2", 452, "Linux 6.6"},
    {"map_shadow_stack", 453, "Linux 6.6"},  {"futex_wake", 454, "Linux 6.7"},
    {"futex_wait", 455, "Linux 6.7"},        {"futex_requeue", 456, "Linux 6.7"},
    {"statmount", 457, "Linux 6.8"},         {"listmount", 458, "Linux 6.8"},
    {"lsm_get_self_attr", 459, "Linux 6.8"}, {"lsm_set_self_attr", 460, "Linux 6.8"},
    {"lsm_list_modules", 461, "Linux 6.8"},  {"mseal", 462, "Linux 6.10"},
    {"setxattrat", 463, "Linux 6.13"},       {"getxattrat", 464, "Linux 6.13"},
    {"listxattrat", 465, "Linux 6.13"},      {"removexattrat", 466, "Linux 6.13"},
    {"open_tree_attr", 467, "Linux 6.15"},   {"file_getattr", 468, "Linux 6.17"},
    {"file_setattr", 469, "Linux 6.17"},     {"listns", 470, "Linux 6.19"},
};

}  // namespace

std::span<const NewCall> new_calls() { return kNewCalls; }

std::optional<uint32_t> call_number(std::string_view name) {
  for (const NewCall& call : kNewCalls) {
    if (call.name == name) return call.number;
  }
  // Negative: an unknown name, or one that other architectures have (a "pseudo" number).
  const int number = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, std::string(name).c_str());
  if (number < 0) return std::nullopt;
  return static_cast<uint32_t>(number);
}

}  // namespace sluice::sandbox
