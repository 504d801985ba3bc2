// Attributes: stat, chmod, chown, truncate, times, symlink targets, extended attributes, statfs.
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "worker/worker.h"

namespace sluice::worker {
namespace {

// What is open has its attributes, whether it can be reached by its name or not.
core::Result<os::Stat> stat_now(Worker& worker, Node* node) {
  if (!worker.files.is_temp(node)) {
    auto stat = worker.table.stat(node);
    if (stat.ok() || node->opens == 0 || node->backing_id <= 0) return stat;
  }
  auto reply = worker.files.stat_temp(node);
  if (!reply.ok()) return reply.failure();
  return to_stat(*reply);
}

// What the rules say of all that a setattr asks for.
core::Outcome may_change(const Worker& worker, const Node* node, int to_set) {
  const bool size = (to_set & FUSE_SET_ATTR_SIZE) != 0;
  const auto operation = size ? core::Operation::kWrite : core::Operation::kChange;
  if (auto may = worker.rules.may(node, operation); !may.ok()) return may;
  constexpr std::pair<int, core::Term> kSaid[] = {{FUSE_SET_ATTR_UID, core::Term::kOwner},
                                                  {FUSE_SET_ATTR_GID, core::Term::kGroup},
                                                  {FUSE_SET_ATTR_MODE, core::Term::kMode}};
  for (const auto& [bit, attribute] : kSaid) {
    if ((to_set & bit) == 0) continue;
    if (auto may = core::may_change(worker.rules.terms_of(node), attribute); !may.ok()) return may;
  }
  return core::Done{};
}

void reply_attributes(fuse_req_t req, Node* node) {
  Worker& worker = worker_of(req);
  auto stat = stat_now(worker, node);
  if (!stat.ok()) return fail(req, stat.failure());
  worker.rules.show(node->facet, &*stat);
  const struct stat attributes = to_stat(*stat);
  fuse_reply_attr(req, &attributes, Worker::seconds(worker.attribute_time(node, stat->stx_nlink)));
}

void getattr(fuse_req_t req, fuse_ino_t nodeid, fuse_file_info*) {
  Worker& worker = worker_of(req);
  Node* node = worker.get_open(nodeid);
  if (node == nullptr) return fail(req, kStale);
  reply_attributes(req, node);
  if (node == worker.table.root()) worker.root_told();
}

// Access and modification time as utimensat(2) takes them.
void requested_times(const struct stat& wanted, int to_set, struct timespec times[2]) {
  times[0] = (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0 ? timespec{0, UTIME_NOW}
             : (to_set & FUSE_SET_ATTR_ATIME) != 0   ? wanted.st_atim
                                                     : timespec{0, UTIME_OMIT};
  times[1] = (to_set & FUSE_SET_ATTR_MTIME_NOW) != 0 ? timespec{0, UTIME_NOW}
             : (to_set & FUSE_SET_ATTR_MTIME) != 0   ? wanted.st_mtim
                                                     : timespec{0, UTIME_OMIT};
}

constexpr int kOwner = FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID;
constexpr int kTimes = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                       FUSE_SET_ATTR_MTIME_NOW;

core::Outcome change_temp(Worker& worker, Node* node, const struct stat& wanted, int to_set) {
  wire::BrokerRequest change{};
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) change.flags |= wire::kChangeMode;
  if ((to_set & kOwner) != 0 || to_set == 0) change.flags |= wire::kChangeOwner;
  if ((to_set & kTimes) != 0) change.flags |= wire::kChangeTimes;
  if (change.flags == 0) return core::Done{};
  struct timespec times[2];
  requested_times(wanted, to_set, times);
  change.mode = wanted.st_mode & 07777;
  change.uid = (to_set & FUSE_SET_ATTR_UID) != 0 ? wanted.st_uid : ~0u;
  change.gid = (to_set & FUSE_SET_ATTR_GID) != 0 ? wanted.st_gid : ~0u;
  for (int i = 0; i < 2; ++i) {
    change.times[2 * i] = times[i].tv_sec;
    change.times[2 * i + 1] = times[i].tv_nsec;
  }
  return worker.files.change_temp(node, change);
}

core::Outcome change(Worker& worker, Node* node, const struct stat& wanted, int to_set) {
  // chown(-1, -1) changes nothing, and takes away set-user-ID and set-group-ID all the same.
  const bool nothing = (to_set & (FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MODE | kOwner | kTimes)) == 0;
  if (!nothing && (to_set & (FUSE_SET_ATTR_MODE | kOwner | kTimes)) == 0) return core::Done{};
  if (worker.files.is_temp(node)) return change_temp(worker, node, wanted, to_set);
  auto held = worker.table.hold(node);
  if (!held.ok() && node->writable) return change_temp(worker, node, wanted, to_set);
  if (!held.ok()) return held.failure();
  const os::Target target{(*held)->get(), {}};
  if ((to_set & kOwner) != 0 || nothing) {
    auto done = os::change_owner(target, (to_set & FUSE_SET_ATTR_UID) != 0 ? wanted.st_uid : ~0u,
                                 (to_set & FUSE_SET_ATTR_GID) != 0 ? wanted.st_gid : ~0u);
    if (!done.ok()) return done;
  }
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) {
    if (auto done = os::change_mode(target, wanted.st_mode & 07777); !done.ok()) return done;
  }
  if ((to_set & kTimes) == 0) return core::Done{};
  struct timespec times[2];
  requested_times(wanted, to_set, times);
  return os::change_times(target, times);
}

void setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat* wanted, int to_set, fuse_file_info*) {
  Worker& worker = worker_of(req);
  Node* node = worker.get_open(nodeid);
  if (node == nullptr) return fail(req, kStale);
  if (auto may = may_change(worker, node, to_set); !may.ok()) return fail(req, may.failure());
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) {
    // Before the times, which truncation would change again.
    auto cut = worker.files.truncate(node, wanted->st_size);
    if (!cut.ok()) return fail(req, cut.failure());
  }
  if (auto changed = change(worker, node, *wanted, to_set); !changed.ok()) {
    return fail(req, changed.failure());
  }
  reply_attributes(req, node);
}

void readlink(fuse_req_t req, fuse_ino_t nodeid) {
  Worker& worker = worker_of(req);
  Node* node = worker.get(nodeid);
  if (node == nullptr) return fail(req, kStale);
  if (auto may = worker.rules.may(node, core::Operation::kRead); !may.ok()) return fail(req, may.failure());
  // There is no empty link.
  if (worker.rules.is_masked(node)) return fail(req, {EACCES, core::Reason::kNotPassedThrough});
  auto held = worker.table.hold(node);
  if (!held.ok()) return fail(req, held.failure());
  char target[4096];
  auto length = os::read_link((*held)->get(), {}, {target, sizeof(target) - 1});
  if (!length.ok()) return fail(req, length.failure());
  target[*length] = 0;
  fuse_reply_readlink(req, target);
}

void statfs(fuse_req_t req, fuse_ino_t) {
  auto directory = worker_of(req).table.directory(worker_of(req).table.root());
  auto stat = os::stat_filesystem((*directory)->get());
  if (!stat.ok()) return fail(req, stat.failure());
  fuse_reply_statfs(req, &*stat);
}

// Runs an xattr call that fills a buffer, and answers with the length or the content.
template <typename Call>
void reply_xattr(fuse_req_t req, fuse_ino_t nodeid, size_t size, Call call) {
  Worker& worker = worker_of(req);
  Node* node = worker.get_open(nodeid);
  if (node == nullptr) return fail(req, kStale);
  if (auto may = worker.rules.may(node, core::Operation::kRead); !may.ok()) return fail(req, may.failure());
  if (worker.rules.is_masked(node)) return fail(req, {ENODATA, core::Reason::kNotPassedThrough});
  auto named = worker.table.named(node);
  if (!named.ok()) return fail(req, named.failure());
  std::vector<char> buffer(size);
  auto length = call(named->target(), buffer);
  if (!length.ok()) return fail(req, length.failure());
  if (size == 0) {
    fuse_reply_xattr(req, *length);
  } else {
    fuse_reply_buf(req, buffer.data(), *length);
  }
}

void getxattr(fuse_req_t req, fuse_ino_t nodeid, const char* key, size_t size) {
  reply_xattr(req, nodeid, size, [&](os::Target target, std::span<char> buffer) {
    return os::get_xattr(target, key, buffer);
  });
}

void listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size) {
  reply_xattr(req, nodeid, size, [](os::Target target, std::span<char> buffer) {
    return os::list_xattr(target, buffer);
  });
}

template <typename Call>
void change_xattr(fuse_req_t req, fuse_ino_t nodeid, Call call) {
  Worker& worker = worker_of(req);
  Node* node = worker.get_open(nodeid);
  if (node == nullptr) return fail(req, kStale);
  if (auto may = worker.rules.may(node, core::Operation::kChange); !may.ok()) return fail(req, may.failure());
  auto named = worker.table.named(node);
  if (!named.ok()) return fail(req, named.failure());
  auto done = call(named->target());
  fuse_reply_err(req, done.ok() ? 0 : done.failure().error);
}

// Whether the attribute was there before the request changed anything: the file as an intent notes it, or nothing.
bool had_xattr(Worker& worker, const Node* node, os::Target target, const char* key) {
  Intent& intent = worker.intent();
  if (!intent.was_noted()) {
    const bool there = os::get_xattr(target, key, {}).ok();
    intent.note(there ? std::optional(Intent::There{node->key, node->facet}) : std::nullopt);
  }
  return intent.first().has_value();
}

void setxattr(fuse_req_t req, fuse_ino_t nodeid, const char* key, const char* value, size_t size,
              int flags) {
  Worker& worker = worker_of(req);
  change_xattr(req, nodeid, [&](os::Target target) -> core::Outcome {
    if (flags != 0) {
      const bool noted = worker.intent().was_noted();
      const bool had = had_xattr(worker, worker.table.get(nodeid), target, key);
      std::vector<char> now(size + 1);
      const auto length = noted ? os::get_xattr(target, key, now) : core::Result<size_t>(size_t{0});
      // There was none, and there is this one.
      const bool set_before = noted && !had && length.ok() && *length == size && std::equal(value, value + size, now.data());
      if (set_before && (flags & XATTR_CREATE) != 0) return core::Done{};
    }
    return os::set_xattr(target, key, {value, size}, static_cast<uint32_t>(flags));
  });
}

void removexattr(fuse_req_t req, fuse_ino_t nodeid, const char* key) {
  Worker& worker = worker_of(req);
  change_xattr(req, nodeid, [&](os::Target target) -> core::Outcome {
    const bool noted = worker.intent().was_noted();
    const bool had = had_xattr(worker, worker.table.get(nodeid), target, key);
    const auto removed = os::remove_xattr(target, key);
    if (!removed.ok() && removed.failure().error == ENODATA && noted && had) return core::Done{};
    return removed;
  });
}

}  // namespace

void add_attribute_operations(fuse_lowlevel_ops& ops) {
  ops.getattr = getattr;
  ops.setattr = setattr;
  ops.readlink = readlink;
  ops.statfs = statfs;
  ops.getxattr = getxattr;
  ops.listxattr = listxattr;
  ops.setxattr = setxattr;
  ops.removexattr = removexattr;
}

}  // namespace sluice::worker
