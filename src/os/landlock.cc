#include "os/landlock.h"

#include <linux/landlock.h>
#include <sys/syscall.h>

#include "core/protection.h"
#include "os/kernel_abi.h"

namespace sluice::os {
namespace {

constexpr uint64_t kNetAll = 3;  // ABI 4: bind and connect of TCP

}  // namespace

const LandlockDomain kGrantReadOnly{LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE};
// With what a device node takes: to be given another name, it asks for the same as to be made, which CAP_MKNOD is for.
const LandlockDomain kGrantReadWrite{abi::kLandlockFsAbi3 & ~uint64_t{LANDLOCK_ACCESS_FS_READ_DIR}};

int landlock_abi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, abi::kLandlockCreateRulesetVersion);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

uint32_t landlock_missing() {
  const int abi = landlock_abi();
  return (abi < 3 ? core::kLandlockMissing : 0) | (abi < 5 ? core::kDevicesMissing : 0) |
         (abi < 6 ? core::kScopeMissing : 0);
}

core::Outcome landlock_restrict(LandlockDomain domain, std::span<const int> roots, uint32_t allowed_missing) {
  const uint32_t missing = landlock_missing();
  if ((missing & ~allowed_missing) != 0) return core::Failure{ENOSYS, core::Reason::kProtectionMissing};
  if ((missing & core::kLandlockMissing) != 0) return core::Done{};
  const int abi = landlock_abi();
  abi::LandlockRulesetAttr attr{abi::kLandlockFsAbi3 & ~domain.anywhere, 0, 0};
  if (abi >= 4) attr.handled_access_net = kNetAll;
  if (abi >= 5) attr.handled_access_fs |= abi::kLandlockIoctlDev;
  if (abi >= 6) attr.scoped = domain.signals ? abi::kLandlockScopedSockets : abi::kLandlockScopedAll;
  const size_t size = abi >= 6 ? sizeof(attr) : abi >= 4 ? 16u : 8u;
  auto ruleset = checked_fd(::syscall(SYS_landlock_create_ruleset, &attr, size, 0));
  if (!ruleset.ok()) return ruleset.failure();
  for (const int root : roots) {
    const abi::LandlockPathBeneath rule{domain.files, root};
    if (::syscall(SYS_landlock_add_rule, ruleset->get(), abi::kLandlockRulePathBeneath, &rule, 0) < 0) {
      return failure();
    }
  }
  return checked(::syscall(SYS_landlock_restrict_self, ruleset->get(), 0));
}

}  // namespace sluice::os
