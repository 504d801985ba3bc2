#include "broker/grants.h"

#include <fcntl.h>
#include <linux/stat.h>

#include <utility>

#include "core/path.h"
#include "os/backing.h"

namespace sluice::broker {
namespace {

using core::Failure;
using core::Reason;

core::FileId file_of(const os::Stat& stat) { return {os::dev_of(stat), stat.stx_ino}; }

// The kernel does not enforce these on a passed-through file before Linux 7.3.
bool fixed(const os::Stat& stat) {
  return (stat.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0;
}

}  // namespace

// Opens and then looks at what was opened: the descriptor that is checked is the one that is used.
core::Result<os::Fd> Grants::open_checked(int root, std::string_view path, int flags,
                                          core::FileId file, os::Stat* stat) {
  if (path.empty()) return Failure{EISDIR, Reason::kNotRegular};
  if (view_.rules.hides(path, false)) return Failure{ENOENT, Reason::kHidden};
  auto fd = os::open_beneath(root, path, flags);
  if (!fd.ok()) return fd;
  auto held = os::stat_held(fd->get());
  if (!held.ok()) return held.failure();
  if (!S_ISREG(held->stx_mode)) return Failure{EINVAL, Reason::kNotRegular};
  if (file_of(*held) != file) return Failure{ESTALE, Reason::kNotSameFile};
  *stat = *held;
  return fd;
}

core::Result<Granted> Grants::add(core::FileId file, os::Fd file_fd, os::Fd write_fd,
                                  bool writable) {
  core::Grant* grant = ledger_.insert(file);
  if (grant == nullptr) return Failure{ENFILE, Reason::kLimitGrants};
  auto id = os::backing_open(view_.device, write_fd ? write_fd.get() : file_fd.get());
  if (!id.ok()) {
    ledger_.erase(grant);
    return id.failure();
  }
  grant->backing_id = *id;
  grant->file_fd = file_fd.release();
  grant->write_fd = write_fd.release();
  grant->writable = writable;
  return Granted{ledger_.id_of(grant), *id, true};
}

core::Result<Granted> Grants::open(Domain domain, const OpenRequest& request) {
  if (request.write && (view_.read_only || domain == Domain::kReadOnly)) {
    return Failure{EROFS, Reason::kReadOnlyView};
  }
  const bool read_write = domain == Domain::kReadWrite && !view_.read_only;
  const int root = read_write ? view_.root_rw : view_.root_ro;
  const std::lock_guard lock(mutex_);

  os::Fd write_fd;
  os::Fd file_fd;
  os::Stat stat;
  if (request.write) {
    // The filesystem itself says whether this identity may write, with the errno it has for that.
    auto fd = open_checked(root, request.path, request.read ? O_RDWR : O_WRONLY, request.file, &stat);
    if (!fd.ok()) return fd.failure();
    if (fixed(stat)) return Failure{EPERM, Reason::kImmutable};
    if (request.truncate) {
      if (auto cut = os::truncate_file(fd->get(), 0); !cut.ok()) return cut.failure();
    }
    write_fd = *std::move(fd);
  }

  if (core::Grant* grant = ledger_.find(request.file); grant != nullptr) {
    if (request.write) {
      if (!grant->writable) return Failure{EBUSY, Reason::kGrantReadOnly};
      if (grant->write_fd < 0) grant->write_fd = write_fd.release();
    } else {
      auto fd = open_checked(root, request.path, O_RDONLY, request.file, &stat);
      if (!fd.ok()) return fd.failure();
    }
    return Granted{ledger_.id_of(grant), grant->backing_id, false};
  }

  // What stays open for the life of the grant must not be open for writing: a file that somebody
  // holds so cannot be executed elsewhere. A file that may be written but not read is held O_PATH.
  auto held = open_checked(root, request.path, O_RDONLY, request.file, &stat);
  if (!held.ok() && request.write && held.failure().error == EACCES) {
    held = open_checked(root, request.path, O_PATH, request.file, &stat);
  }
  if (!held.ok()) return held.failure();
  file_fd = *std::move(held);

  // One inode has one backing id, so the first open decides for all: from the read-write root what
  // this identity may write, or may allow itself to write; from the read-only root everything else.
  if (read_write && !request.write) {
    const bool may = !fixed(stat) && (stat.stx_uid == view_.uid || os::may_write(file_fd.get()).ok());
    if (!may) return Failure{0, Reason::kGrantReadOnly};
  }
  return add(request.file, std::move(file_fd), std::move(write_fd), read_write);
}

core::Result<Granted> Grants::open_temp(std::string_view path, uint32_t mode, bool exclusive) {
  if (view_.read_only) return Failure{EROFS, Reason::kReadOnlyView};
  if (view_.rules.hides(path, true)) return Failure{ENOENT, Reason::kHidden};
  const std::lock_guard lock(mutex_);
  auto fd = os::open_beneath(view_.root_rw, path, O_TMPFILE | O_RDWR | (exclusive ? O_EXCL : 0),
                             mode & 07777);
  if (!fd.ok()) return fd.failure();
  auto stat = os::stat_held(fd->get());
  if (!stat.ok()) return stat.failure();
  return add(file_of(*stat), os::Fd(), *std::move(fd), true);
}

void Grants::drop_write(core::GrantId id) {
  const std::lock_guard lock(mutex_);
  core::Grant* grant = ledger_.get(id);
  // A nameless file has only this one.
  if (grant == nullptr || grant->file_fd < 0) return;
  os::Fd(std::exchange(grant->write_fd, -1));
}

void Grants::close(core::GrantId id) {
  const std::lock_guard lock(mutex_);
  core::Grant* grant = ledger_.get(id);
  if (grant == nullptr) return;
  // It can only fail where the connection is gone, and then the kernel has dropped the id.
  (void)os::backing_close(view_.device, grant->backing_id);
  os::Fd(std::exchange(grant->file_fd, -1));
  os::Fd(std::exchange(grant->write_fd, -1));
  ledger_.erase(grant);
}

core::Result<os::Fd> Grants::borrow(core::GrantId id, bool write) {
  const std::lock_guard lock(mutex_);
  const core::Grant* grant = ledger_.get(id);
  if (grant == nullptr) return Failure{EBADF, Reason::kGrantUnknown};
  if (write && grant->write_fd < 0) return Failure{EBADF, Reason::kGrantNotWritable};
  // A duplicate, so that a close() meanwhile cannot give its number to another file.
  return os::duplicate(write || grant->file_fd < 0 ? grant->write_fd : grant->file_fd);
}

core::Outcome Grants::link(core::GrantId id, std::string_view path) {
  if (view_.read_only) return Failure{EROFS, Reason::kReadOnlyView};
  if (path.empty()) return Failure{EEXIST, Reason::kPathMalformed};
  if (view_.rules.hides(path, false)) return Failure{EACCES, Reason::kHidden};
  auto file = borrow(id, true);
  if (!file.ok()) return file.failure();
  const size_t slash = path.rfind('/');
  const bool in_root = slash == std::string_view::npos;
  auto parent = os::open_beneath(view_.root_rw, in_root ? std::string_view() : path.substr(0, slash),
                                 O_PATH | O_DIRECTORY);
  if (!parent.ok()) return parent.failure();
  return os::make_link_held(file->get(), parent->get(), in_root ? path : path.substr(slash + 1));
}

core::Outcome Grants::truncate_path(std::string_view path, core::FileId file, int64_t length) {
  if (view_.read_only) return Failure{EROFS, Reason::kReadOnlyView};
  os::Stat stat;
  auto fd = open_checked(view_.root_rw, path, O_WRONLY, file, &stat);
  if (!fd.ok()) return fd.failure();
  if (fixed(stat)) return Failure{EPERM, Reason::kImmutable};
  return os::truncate_file(fd->get(), length);
}

}  // namespace sluice::broker
