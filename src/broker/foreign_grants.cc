#include "broker/foreign_grants.h"

#include <fcntl.h>
#include <linux/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/filesystem.h"
#include "os/backing.h"
#include "os/passed_file.h"

namespace sluice::broker {
namespace {

using core::Failure;
using core::Outcome;
using core::Reason;

core::FileId key_of(int backing_id) { return {0, static_cast<uint64_t>(backing_id)}; }

}  // namespace

// In this order, since a file may be of a filesystem of the server's own: what comes before the filesystem is
// known asks it nothing. What is refused is closed by the caller, which may wait for such a filesystem for ever:
// the server has then stopped its own broker, but for the thread that sees to its end.
Outcome ForeignGrants::check(ForeignDomain domain, int file, const os::Stat& stat) const {
  const auto flags = os::open_flags(file);
  if (!flags.ok()) return flags.failure();
  const int access = *flags & O_ACCMODE;
  const bool write = domain == ForeignDomain::kReadWrite;
  // A grant reads anywhere, and writes anywhere: no file that is open for less.
  if ((*flags & O_PATH) != 0 || (access != O_RDONLY && access != O_RDWR)) return Failure{EACCES, Reason::kFileMode};
  if (write && (access != O_RDWR || (*flags & O_APPEND) != 0)) return Failure{EACCES, Reason::kFileMode};
  if (!S_ISREG(stat.stx_mode)) return Failure{EINVAL, Reason::kNotRegular};
  // And in the server's own mount namespace: nothing that it was handed from elsewhere.
  const auto filesystem = os::filesystem_in_namespace(file, config_.mount_namespace);
  if (!filesystem.ok()) return Failure{EOPNOTSUPP, Reason::kFileFilesystem};
  if (core::stacks(*filesystem)) return Failure{ELOOP, Reason::kFileStacked};
  if (!core::is_served(*filesystem)) return Failure{EOPNOTSUPP, Reason::kFileFilesystem};
  if (!write) return core::Done{};
  // The kernel does not enforce these on a passed-through file before Linux 7.3.
  if ((stat.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0) {
    return Failure{EPERM, Reason::kImmutable};
  }
  // By this process's ids, which are the server's, without its capabilities in a namespace of its own.
  if (!os::may_read_and_write(file).ok()) return Failure{EACCES, Reason::kFileNotWritable};
  return core::Done{};
}

core::Result<int> ForeignGrants::open(ForeignDomain domain, os::Fd file, const os::Stat& stat) {
  if (auto checked = check(domain, file.get(), stat); !checked.ok()) return checked.failure();
  const std::lock_guard lock(mutex_);
  if (ledger_.size() >= ledger_.capacity()) return Failure{ENFILE, Reason::kLimitGrants};
  auto id = os::backing_open(device_, file.get());
  if (!id.ok()) return id.failure();
  core::Grant* grant = ledger_.find(key_of(*id));
  if (grant != nullptr) {
    // The kernel gives a number anew only once it was closed: by somebody who may, and not here.
    file = os::Fd(std::exchange(grant->file_fd, file.release()));
    return *id;
  }
  grant = ledger_.insert(key_of(*id));
  grant->backing_id = *id;
  grant->file_fd = file.release();
  return *id;
}

core::Outcome ForeignGrants::close(int backing_id) {
  os::Fd held;  // closes when the lock is gone
  const std::lock_guard lock(mutex_);
  auto closed = os::backing_close(device_, backing_id);
  if (core::Grant* grant = ledger_.find(key_of(backing_id)); grant != nullptr) {
    held = os::Fd(grant->file_fd);
    ledger_.erase(grant);
  }
  return closed;
}

void ForeignGrants::close_for_good() {
  mutex_.lock();
  for (uint32_t slot = 0; slot < ledger_.capacity(); ++slot) {
    if (const core::Grant* grant = ledger_.at(slot); grant != nullptr) (void)os::backing_close(device_, grant->backing_id);
  }
}

}  // namespace sluice::broker
