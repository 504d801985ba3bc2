#include "broker/grants.h"

#include <fcntl.h>
#include <linux/stat.h>

#include <algorithm>
#include <utility>

#include "os/backing.h"

namespace sluice::broker {
namespace {

using core::Failure;
using core::Reason;

// The kernel does not enforce these on a passed-through file before Linux 7.3.
bool fixed(const os::Stat& stat) {
  return (stat.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0;
}

}  // namespace

Grants::Grants(const View& view, Rulebook& book, uint32_t most, core::Grant* left)
    : view_(view), book_(book), ledger_(most, left) {
  // What the broker before was about to get, or to give back, when it ended.
  for (uint32_t slot = 0; slot < ledger_.touched(); ++slot) {
    if (core::Grant* grant = ledger_.at(slot); grant != nullptr && !grant->is_whole()) give_back(grant);
  }
  // Got, and not written down, were it the first of all: the kernel numbers them in turn (fs/fuse/backing.c, idr_alloc_cyclic).
  (void)os::backing_close(view_.device, static_cast<int>(ledger_.last_left() + 1));
}

void Grants::give_back(core::Grant* grant) {
  // First of all: if this broker ends here, the next one gives it back.
  if (grant->backing_id >= 0) grant->backing_id = ~grant->backing_id;
  ledger_.write_down(grant);
  // It can only fail where the kernel has dropped the id, with its connection or for the broker before.
  if (~grant->backing_id > 0) (void)os::backing_close(view_.device, ~grant->backing_id);
  os::Fd(std::exchange(grant->file_fd, -1));
  os::Fd(std::exchange(grant->write_fd, -1));
  ledger_.erase(grant);
}

// Opens and then looks at what was opened: the descriptor that is checked is the one that is used.
core::Result<os::Fd> Grants::open_checked(const std::vector<int>& roots, std::string_view path,
                                          const core::Decision& decision, int flags,
                                          core::FileId file, os::Stat* stat) {
  const core::Place place = core::place_of(view_.grafts, path);
  if (place.rest.empty()) return Failure{EISDIR, Reason::kNotRegular};
  const auto operation = (flags & (O_WRONLY | O_RDWR)) != 0 ? core::Operation::kWrite : core::Operation::kRead;
  if (auto may = core::before(book_.rules(), decision, operation); !may.ok()) return may.failure();
  if (book_.rules().find(decision, core::Term::kAccess).effect == core::Effect::kMask) {
    return Failure{EACCES, Reason::kNotPassedThrough};
  }
  auto fd = os::open_beneath(roots[place.root], place.rest, flags);
  if (!fd.ok()) return fd;
  auto held = os::stat_held(fd->get());
  if (!held.ok()) return held.failure();
  if (!S_ISREG(held->stx_mode)) return Failure{EINVAL, Reason::kNotRegular};
  if (!os::is_file(*held, file)) return Failure{ESTALE, Reason::kNotSameFile};
  *stat = *held;
  return fd;
}

core::Result<Granted> Grants::add(core::FileId file, os::Fd file_fd, os::Fd write_fd, bool writable) {
  core::Grant* grant = ledger_.insert(file);
  if (grant == nullptr) return Failure{ENFILE, Reason::kLimitGrants};
  // The kernel is not told of a file of which a rule shows a part: read_window() serves it. What it is told of it
  // keeps open as that descriptor is, and opens anew as each application does: by the domain and the mount, whatever
  // this descriptor is for.
  const bool window = file.access.effect == core::Effect::kWindow;
  auto id = window ? core::Result<int>(0)
                   : os::backing_open(view_.device, file_fd ? file_fd.get() : write_fd.get());
  if (!id.ok()) {
    ledger_.erase(grant);
    return id.failure();
  }
  grant->file_fd = file_fd.release();
  grant->write_fd = write_fd.release();
  grant->writable = writable;
  grant->backing_id = *id;
  ledger_.write_down(grant);
  return Granted{ledger_.id_of(grant), *id, true};
}

core::Result<Granted> Grants::open(Domain domain, const wire::DecodedRequest& request) {
  const bool read = (request.header.flags & wire::kOpenRead) != 0;
  const bool write = (request.header.flags & wire::kOpenWrite) != 0;
  if (!read && !write) return Failure{EINVAL, Reason::kProtocol};
  if (write && (view_.read_only || domain == Domain::kReadOnly)) return Failure{EROFS, Reason::kReadOnlyView};
  const std::lock_guard lock(book_.mutex);
  const core::Decision decision = book_.decide(request.path).file;
  core::FileId file{request.header.dev, request.header.ino, {}, core::place_of(view_.grafts, request.path).root};
  const core::Terms terms = book_.rules().resolve(decision);
  file.access = terms.of(core::Term::kAccess);
  const bool read_write = domain == Domain::kReadWrite && !view_.read_only;
  // What a rule makes read-only is granted as that, so that it is the kernel that holds the rule.
  if (read_write && !write && core::is_read_only(terms)) return Failure{0, Reason::kGrantReadOnly};
  const std::vector<int>& roots = read_write ? view_.roots_rw : view_.roots_ro;

  os::Fd write_fd;
  os::Fd file_fd;
  os::Stat stat;
  if (write) {
    // The filesystem itself says whether this identity may write, with the errno it has for that.
    auto fd = open_checked(roots, request.path, decision, read ? O_RDWR : O_WRONLY,
                           file, &stat);
    if (!fd.ok()) return fd.failure();
    if (fixed(stat)) return Failure{EPERM, Reason::kImmutable};
    if ((request.header.flags & wire::kOpenTruncate) != 0) {
      if (auto cut = os::truncate_file(fd->get(), 0); !cut.ok()) return cut.failure();
    }
    write_fd = *std::move(fd);
  }

  if (core::Grant* grant = ledger_.find(file); grant != nullptr) {
    if (write) {
      if (!grant->writable) return Failure{EBUSY, Reason::kGrantReadOnly};
      // What could not be read when it was opened for writing may be read by now.
      if (grant->write_fd < 0 || (read && grant->file_fd < 0)) os::Fd(std::exchange(grant->write_fd, write_fd.release()));
    } else {
      auto fd = open_checked(roots, request.path, decision, O_RDONLY, file, &stat);
      if (!fd.ok()) return fd.failure();
      if (grant->file_fd < 0) grant->file_fd = fd->release();
    }
    return Granted{ledger_.id_of(grant), grant->backing_id, false};
  }

  // What stays open for the life of the grant must not be open for writing: a file that somebody
  // holds so cannot be executed, nor its filesystem be made read-only. What this identity may write but not
  // read has only the descriptor for writing.
  auto held = open_checked(roots, request.path, decision, O_RDONLY, file, &stat);
  if (!held.ok() && !(write && held.failure().error == EACCES)) return held.failure();
  if (held.ok()) file_fd = *std::move(held);

  // One inode has one backing id, so the first open decides for all: from the read-write root what
  // this identity may write, or may allow itself to write; from the read-only root everything else.
  if (read_write && !write) {
    const bool may = !fixed(stat) && (stat.stx_uid == view_.uid || os::may_write(file_fd.get()).ok());
    if (!may) return Failure{0, Reason::kGrantReadOnly};
  }
  return add(file, std::move(file_fd), std::move(write_fd), read_write);
}

core::Result<size_t> Grants::read_window(core::GrantId id, int64_t offset, std::span<uint8_t> buffer) {
  core::TermValue window;
  auto file = [&]() -> core::Result<os::Fd> {
    const std::lock_guard lock(book_.mutex);
    const core::Grant* grant = ledger_.get(id);
    if (grant == nullptr || grant->backing_id != 0 || grant->file_fd < 0) return Failure{EBADF, Reason::kGrantUnknown};
    window = grant->file.access;
    return os::duplicate(grant->file_fd);
  }();
  if (!file.ok()) return file.failure();
  const uint64_t at = std::min(static_cast<uint64_t>(offset), window.value2);
  const auto most = std::min<uint64_t>(buffer.size(), window.value2 - at);
  return os::read_at(file->get(), buffer.first(most), static_cast<int64_t>(window.value + at));
}

core::Result<Granted> Grants::open_temp(std::string_view path, uint32_t mode, bool exclusive) {
  const std::lock_guard lock(book_.mutex);
  const core::Decision decision = book_.decide(path).directory;
  const auto may = core::before(book_.rules(), decision, core::Operation::kWrite);
  if (!may.ok()) return may.failure();
  const core::Place place = core::place_of(view_.grafts, path);
  auto fd = os::open_beneath(view_.roots_rw[place.root], place.rest, O_TMPFILE | O_RDWR | (exclusive ? O_EXCL : 0),
                             mode & 07777);
  if (!fd.ok()) return fd.failure();
  auto stat = os::stat_held(fd->get());
  if (!stat.ok()) return stat.failure();
  return add({os::dev_of(*stat), stat->stx_ino, {}, place.root}, os::Fd(), *std::move(fd), true);
}

core::Outcome Grants::drop_write(core::GrantId id) {
  const std::lock_guard lock(book_.mutex);
  core::Grant* grant = ledger_.get(id);
  // A nameless file has only this one, and so has one that could not be read.
  if (grant != nullptr && grant->file_fd >= 0) os::Fd(std::exchange(grant->write_fd, -1));
  return core::Done{};
}

core::Outcome Grants::close(core::GrantId id) {
  const std::lock_guard lock(book_.mutex);
  if (core::Grant* grant = ledger_.get(id); grant != nullptr) give_back(grant);
  return core::Done{};
}

void Grants::next(uint32_t slot, wire::BrokerReply& reply) {
  const std::lock_guard lock(book_.mutex);
  for (wire::GrantedFile* to = reply.listed; slot < ledger_.touched() && to != std::end(reply.listed); ++slot) {
    if (const core::Grant* grant = ledger_.at(slot))
      *to++ = {ledger_.id_of(grant).packed(), grant->file.dev, grant->file.ino, grant->file.root,
               grant->file_fd < 0 && grant->write_fd < 0, grant->write_fd >= 0, static_cast<uint32_t>(grant->backing_id)};
  }
}

core::Result<os::Fd> Grants::borrow(core::GrantId id, bool write) {
  const std::lock_guard lock(book_.mutex);
  const core::Grant* grant = ledger_.get(id);
  // Nobody gets at what is outside a window, not by copying it elsewhere either.
  if (grant == nullptr || grant->backing_id == 0) return Failure{EBADF, Reason::kGrantUnknown};
  const int fd = write || grant->file_fd < 0 ? grant->write_fd : grant->file_fd;
  if (fd < 0) return Failure{grant->file_fd < 0 ? EIO : EBADF, Reason::kGrantNotWritable};
  // A duplicate, so that a close() meanwhile cannot give its number to another file.
  return os::duplicate(fd);
}

core::Outcome Grants::truncate_path(std::string_view path, core::FileId file, int64_t length) {
  if (view_.read_only) return Failure{EROFS, Reason::kReadOnlyView};
  os::Stat stat;
  auto fd = [&] {
    const std::lock_guard lock(book_.mutex);
    return open_checked(view_.roots_rw, path, book_.decide(path).file, O_WRONLY, file, &stat);
  }();
  if (!fd.ok()) return fd.failure();
  if (fixed(stat)) return Failure{EPERM, Reason::kImmutable};
  return os::truncate_file(fd->get(), length);
}

}  // namespace sluice::broker
