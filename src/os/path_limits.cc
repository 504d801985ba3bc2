#include "os/path_limits.h"

#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/protection.h"
#include "os/kernel_abi.h"
#include "os/landlock.h"

namespace sluice::os {
namespace {

constexpr uint64_t kRead =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// What a rule on a file, and not on a directory, may speak of.
constexpr uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                              LANDLOCK_ACCESS_FS_WRITE_FILE | abi::kLandlockTruncate |
                              abi::kLandlockIoctlDev;

core::Outcome add(int ruleset, const PathLimit& limit, uint64_t handled) {
  struct stat stat;
  if (::fstat(limit.fd, &stat) < 0) return failure();
  uint64_t access = (limit.read ? kRead : 0) | (limit.write ? ~kRead : 0);
  if (!S_ISDIR(stat.st_mode)) access &= kOfFiles;
  const abi::LandlockPathBeneath rule{access & handled, limit.fd};
  if (rule.allowed_access == 0) return core::Done{};
  // EBADFD: a pipe or a socket, which is in no tree, and which Landlock allows.
  if (::syscall(SYS_landlock_add_rule, ruleset, abi::kLandlockRulePathBeneath, &rule, 0) < 0 && errno != EBADFD) {
    return failure();
  }
  return core::Done{};
}

}  // namespace

core::Outcome limit_paths(std::span<const PathLimit> limits, uint32_t allowed_missing) {
  const uint32_t missing = landlock_missing();
  if ((missing & ~allowed_missing) != 0) {
    return core::Failure{ENOSYS, core::Reason::kProtectionMissing};
  }
  if ((missing & core::kLandlockMissing) != 0) return core::Done{};
  const int abi = landlock_abi();
  abi::LandlockRulesetAttr attr{abi::kLandlockFsAbi3, 0, 0};
  if (abi >= 5) attr.handled_access_fs |= abi::kLandlockIoctlDev;
  if (abi >= 6) attr.scoped = abi::kLandlockScopedAll;
  const size_t size = abi >= 6 ? sizeof(attr) : abi >= 4 ? 16u : 8u;
  auto ruleset = checked_fd(::syscall(SYS_landlock_create_ruleset, &attr, size, 0));
  if (!ruleset.ok()) return ruleset.failure();
  for (const PathLimit& limit : limits) {
    if (auto added = add(ruleset->get(), limit, attr.handled_access_fs); !added.ok()) return added;
  }
  return checked(::syscall(SYS_landlock_restrict_self, ruleset->get(), 0));
}

}  // namespace sluice::os
