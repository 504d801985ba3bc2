#include "sandbox/compiler/builder.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "sandbox/compiler/cubes.h"

namespace sluice::sandbox {
namespace {

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

// Says which step failed in error; true where it did not.
bool ok(int result, const std::string& step, std::string& error) {
  if (result == 0) return true;
  error = "libseccomp: " + step + ": " + std::strerror(-result);
  return false;
}

Context new_context(uint32_t deny, std::string& error) {
  // Otherwise libseccomp asks the kernel that the compiler runs on whether it knows KILL_PROCESS,
  // and a build in a container that forbids seccomp(2) fails.
  if (!ok(seccomp_api_set(3), "level of the interface", error)) return nullptr;
  Context context(seccomp_init(deny));
  if (context == nullptr) {
    error = "libseccomp: seccomp_init failed";
    return nullptr;
  }
  // Only x86-64: a program for this architecture alone also kills the calls of x32, which come with
  // the same architecture and a bit in the number.
  seccomp_arch_remove(context.get(), SCMP_ARCH_NATIVE);
  if (!ok(seccomp_arch_add(context.get(), SCMP_ARCH_X86_64), "architecture", error) ||
      !ok(seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
          "action for other architectures", error) ||
      !ok(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree", error)) {
    return nullptr;
  }
  return context;
}

bool add_cube(void* context, const Rule& rule, const Cube& cube, std::string& error) {
  struct scmp_arg_cmp comparisons[6];
  unsigned count = 0;
  for (unsigned arg = 0; arg < 6; ++arg) {
    if (cube.mask[arg] == 0) continue;
    comparisons[count++] = {arg, SCMP_CMP_MASKED_EQ, cube.mask[arg], cube.value[arg]};
  }
  const int result = seccomp_rule_add_exact_array(
      context, SCMP_ACT_ALLOW, static_cast<int>(rule.number), count, comparisons);
  // EEXIST: another alternative already allows it.
  return ok(result == -EEXIST ? 0 : result, rule.call, error);
}

bool has_free_line(const Policy& policy, uint32_t number) {
  return std::any_of(policy.rules.begin(), policy.rules.end(), [number](const Rule& rule) {
    return rule.number == number && rule.conditions.empty();
  });
}

std::vector<Instruction> exported(void* context, std::string& error) {
  std::vector<Instruction> program;
  const int fd = memfd_create("policy", MFD_CLOEXEC);
  if (fd < 0) {
    error = "memfd_create failed";
    return program;
  }
  if (ok(seccomp_export_bpf(context, fd), "export", error)) {
    const off_t size = lseek(fd, 0, SEEK_END);
    program.resize(size > 0 ? static_cast<size_t>(size) / sizeof(Instruction) : 0);
    const size_t bytes = program.size() * sizeof(Instruction);
    if (pread(fd, program.data(), bytes, 0) != static_cast<ssize_t>(bytes)) program.clear();
    if (program.empty()) error = "the exported program cannot be read";
  }
  close(fd);
  return program;
}

}  // namespace

std::vector<Instruction> build_program(const Policy& policy, std::string& error, uint32_t deny) {
  const Context context = new_context(deny, error);
  if (context == nullptr) return {};
  for (const Rule& rule : policy.rules) {
    // libseccomp's answer to conditions beside a line without any depends on their order.
    if (!rule.conditions.empty() && has_free_line(policy, rule.number)) continue;
    for (const Cube& cube : cubes_of(rule)) {
      if (!add_cube(context.get(), rule, cube, error)) return {};
    }
  }
  return exported(context.get(), error);
}

}  // namespace sluice::sandbox
