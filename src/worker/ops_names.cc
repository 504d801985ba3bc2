// Names: looking them up, making, removing, renaming and linking them.
#include <fcntl.h>
#include <linux/fs.h>

#include <cerrno>
#include <cstdio>

#include "worker/worker.h"

namespace sluice::worker {
namespace {

void lookup(fuse_req_t req, fuse_ino_t parent_id, const char* name) {
  Worker& worker = worker_of(req);
  Node* parent = worker.get(parent_id);
  if (parent == nullptr) return fail(req, kStale);
  worker.habit.look_up(parent_id);
  os::Stat stat;
  auto node = worker.look_up(parent, name, &stat);
  if (node.ok()) return worker.reply_entry(req, parent, *node, stat);
  if (node.failure().error != ENOENT) return fail(req, node.failure());
  // The kernel may remember for a while that there is no such name.
  struct fuse_entry_param absent {};
  absent.entry_timeout = Worker::seconds(worker.name_time(parent));
  fuse_reply_entry(req, &absent);
}

void forget_one(Worker& worker, uint64_t nodeid, uint64_t lookups) {
  Node* node = worker.table.get(nodeid);
  if (node == nullptr) return;
  if (node->lookups <= lookups) worker.files.drop_idle(node);
  worker.table.forget(node, lookups);
}

void forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t lookups) {
  forget_one(worker_of(req), nodeid, lookups);
  fuse_reply_none(req);
}

void forget_multi(fuse_req_t req, size_t count, fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) forget_one(worker_of(req), forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(req);
}

// Makes parent/name with `make`, unless a rule forbids it, and answers with what is there then.
// linked: it is to be another name of what there is.
template <typename Make>
void make_name(fuse_req_t req, fuse_ino_t parent_id, const char* name, uint32_t mode, Make make,
               bool linked = false) {
  Worker& worker = worker_of(req);
  Node* parent = worker.get(parent_id);
  if (parent == nullptr) return fail(req, kStale);
  const auto facet = worker.rules.may_make(parent, name, S_ISDIR(mode));
  if (!facet.ok()) return fail(req, facet.failure());
  auto directory = worker.table.directory(parent);
  if (!directory.ok()) return fail(req, directory.failure());
  worker.use_umask(fuse_req_ctx(req)->umask);
  auto made = make(parent, (*directory)->get());
  // A link is not a new file: it keeps its owner.
  if (made.ok() && !linked) made = worker.settle_owner(req, parent, name, mode);
  if (!made.ok()) return fail(req, made.failure());
  auto stat = worker.table.stat_child(parent, name);
  if (!stat.ok()) return fail(req, stat.failure());
  worker.rules.count_made(*facet);
  worker.reply_entry(req, parent, worker.remember(parent, name, *stat, *facet), *stat);
}

void mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode)) {
    return fail(req, {EPERM, core::Reason::kNotRegular});
  }
  make_name(req, parent, name, mode, [&](const Node*, int dir) { return os::make_node(dir, name, mode); });
}

void mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  make_name(req, parent, name, S_IFDIR | mode,
            [&](const Node*, int dir) { return os::make_directory(dir, name, mode & 07777); });
}

void symlink(fuse_req_t req, const char* target, fuse_ino_t parent_id, const char* name) {
  make_name(req, parent_id, name, S_IFLNK, [&](const Node* parent, int) {
    return worker_of(req).names.symlink(target, parent, name);
  });
}

void link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent_id, const char* name) {
  Worker& worker = worker_of(req);
  Node* node = worker.get(nodeid);
  if (node == nullptr) return fail(req, kStale);
  make_name(req, parent_id, name, node->type, [&](Node* parent, int) {
    return node->parent == nullptr ? worker.files.link_temp(node, parent, name)
                                   : worker.names.link(node, parent, name);
  }, true);
}

// Before a name goes away: what the kernel still refers to stays reachable by a descriptor.
void keep_reachable(Worker& worker, Node* node, const Node* parent, std::string_view name,
                    bool replaced) {
  worker.files.before_name_goes(node, parent, name, replaced);
  (void)worker.table.keep_held(node);
}

void remove(fuse_req_t req, fuse_ino_t parent_id, const char* name, bool want_directory) {
  Worker& worker = worker_of(req);
  Node* parent = worker.get(parent_id);
  if (parent == nullptr) return fail(req, kStale);
  auto stat = worker.table.stat_child(parent, name);
  if (!stat.ok()) return fail(req, stat.failure());
  const core::Decision decision = worker.rules.decide(parent, name).of(S_ISDIR(stat->stx_mode));
  Node* node = worker.table.find(*stat, worker.rules.facet_of(decision));
  if (node != nullptr) keep_reachable(worker, node, parent, name, false);
  auto removed = worker.names.remove(parent, name, want_directory);
  if (node != nullptr) {
    if (removed.ok()) worker.table.lose_name(node, parent, name);
    worker.table.let_go(node);
  }
  if (!removed.ok()) return fail(req, removed.failure());
  fuse_reply_err(req, 0);
}

void unlink(fuse_req_t req, fuse_ino_t parent, const char* name) { remove(req, parent, name, false); }
void rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) { remove(req, parent, name, true); }

// A name on either side of a rename, and what is there.
struct Side {
  Node* parent;
  std::string_view name;
  Node* node = nullptr;  // if the kernel knows it

  core::Outcome look(Worker& worker) {
    auto stat = worker.table.stat_child(parent, name);
    if (!stat.ok()) return stat.failure();
    const core::Decision decision = worker.rules.decide(parent, name).of(S_ISDIR(stat->stx_mode));
    node = worker.table.find(*stat, worker.rules.facet_of(decision));
    return core::Done{};
  }
};

void rename(fuse_req_t req, fuse_ino_t from_id, const char* from_name, fuse_ino_t to_id,
            const char* to_name, unsigned flags) {
  Worker& worker = worker_of(req);
  Side from{worker.get(from_id), from_name};
  Side to{worker.get(to_id), to_name};
  if (from.parent == nullptr || to.parent == nullptr) return fail(req, kStale);
  static_assert(wire::kRenameNoReplace == RENAME_NOREPLACE && wire::kRenameExchange == RENAME_EXCHANGE);
  if ((flags & ~(wire::kRenameNoReplace | wire::kRenameExchange)) != 0) {
    return fail(req, {EINVAL, core::Reason::kProtocol});
  }
  if (auto looked = from.look(worker); !looked.ok()) return fail(req, looked.failure());
  if (auto looked = to.look(worker); !looked.ok() && looked.failure().error != ENOENT) {
    return fail(req, looked.failure());
  }
  if (to.node != nullptr && to.node != from.node && (flags & wire::kRenameExchange) == 0) {
    keep_reachable(worker, to.node, to.parent, to.name, true);
  }
  auto renamed = worker.names.rename(from.parent, from.name, to.parent, to.name, flags);
  if (!renamed.ok()) {
    if (to.node != nullptr) worker.table.let_go(to.node);
    return fail(req, renamed.failure());
  }
  // Two names of one inode: rename(2) then does nothing.
  if (from.node == nullptr || from.node != to.node) {
    if (to.node != nullptr) {
      worker.table.lose_name(to.node, to.parent, to.name);
      worker.table.let_go(to.node);
    }
    if (from.node != nullptr) {
      worker.table.gain_name(from.node, to.parent, to.name);
      worker.table.lose_name(from.node, from.parent, from.name);
    }
    if ((flags & wire::kRenameExchange) != 0 && to.node != nullptr) {
      worker.table.gain_name(to.node, from.parent, from.name);
    }
  }
  fuse_reply_err(req, 0);
}

}  // namespace

void add_name_operations(fuse_lowlevel_ops& ops) {
  ops.lookup = lookup;
  ops.forget = forget;
  ops.forget_multi = forget_multi;
  ops.mknod = mknod;
  ops.mkdir = mkdir;
  ops.symlink = symlink;
  ops.link = link;
  ops.unlink = unlink;
  ops.rmdir = rmdir;
  ops.rename = rename;
}

}  // namespace sluice::worker
