// Names: looking them up, making, removing, renaming and linking them.
#include <fcntl.h>
#include <linux/fs.h>

#include <cerrno>
#include <cstdio>

#include "worker/step.h"
#include "worker/worker.h"

namespace sluice::worker {
namespace {

void lookup(fuse_req_t req, fuse_ino_t parent_id, const char* name) {
  Worker& worker = worker_of(req);
  Node* parent = worker.get(parent_id);
  if (parent == nullptr) return fail(req, kStale);
  worker.habit.look_up(parent_id);
  os::Stat stat;
  if (const int armed = arm_steps(name); armed != 0) return fail(req, {armed, core::Reason::kNone});
  auto node = worker.look_up(parent, name, &stat);
  if (node.ok()) {
    const uint64_t nodeid = (*node)->id;
    worker.reply_entry(req, parent, *node, stat);
    if (Node* told = worker.table.get(nodeid); told != nullptr) worker.look_ahead_of_look_up(told);
    return;
  }
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
// link: of what it is to be another name; nullptr: it is new.
template <typename Make>
void make_name(fuse_req_t req, fuse_ino_t parent_id, const char* name, uint32_t mode, Make make,
               const Node* link = nullptr) {
  Worker& worker = worker_of(req);
  Node* parent = worker.get(parent_id);
  if (parent == nullptr) return fail(req, kStale);
  const auto facet = worker.rules.may_make(parent, name, S_ISDIR(mode));
  if (!facet.ok()) return fail(req, facet.failure());
  auto directory = worker.table.directory(parent);
  if (!directory.ok()) return fail(req, directory.failure());
  worker.use_umask(fuse_req_ctx(req)->umask);
  core::Outcome made = core::Done{};
  if (!worker.was_made(req, parent, name, mode, link)) made = make(parent, (*directory)->get());
  step();
  // A link is not a new file: it keeps its owner.
  if (made.ok() && link == nullptr) made = worker.settle_owner(req, parent, name, mode);
  if (!made.ok()) return fail(req, made.failure());
  auto stat = worker.table.stat_child(parent, name);
  if (!stat.ok()) return fail(req, stat.failure());
  worker.rules.count_made(*facet);
  worker.reply_entry(req, parent, worker.remember(parent, name, *stat, *facet), *stat);
}

// The broker is not told of the caller's umask, which counts where the directory has no default ACL.
uint32_t broker_mode(const Worker& worker, int dir, mode_t mode) {
  const bool by_acl = os::get_xattr({dir, "."}, "system.posix_acl_default", {}).ok();  // dir is O_PATH
  // The set-ID bits come with the owner.
  return mode & ~(S_ISUID | S_ISGID | (by_acl ? 0 : worker.umask));
}

void mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  const bool is_device = (S_ISCHR(mode) && device != 0) || S_ISBLK(mode);
  if (!is_device) {
    if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISCHR(mode)) {
      return fail(req, {EPERM, core::Reason::kNotRegular});
    }
    return make_name(req, parent, name, mode, [&](const Node*, int dir) { return os::make_node(dir, name, mode); });
  }
  Worker& worker = worker_of(req);
  if (worker.config.device_nodes == 0) return fail(req, {EPERM, core::Reason::kDeviceNodes});
  make_name(req, parent, name, mode, [&](const Node* directory, int dir) {
    return worker.names.make_device(directory, name, broker_mode(worker, dir, mode), static_cast<uint32_t>(device));
  });
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
  }, node);
}

// A name that is to change, and what is there.
struct Side {
  Node* parent;
  std::string_view name;
  std::optional<Intent::There> found{};
  Node* node = nullptr;  // if the kernel knows it

  core::Outcome look(Worker& worker) {
    auto stat = worker.table.stat_child(parent, name);
    if (!stat.ok()) return stat.failure();
    const core::Decision decision = worker.rules.decide(parent, name).of(S_ISDIR(stat->stx_mode));
    take(worker, Intent::There{worker.table.key_of(*stat), worker.rules.facet_of(decision)});
    return core::Done{};
  }
  void take(Worker& worker, const std::optional<Intent::There>& what) {
    found = what;
    node = what.has_value() ? worker.table.find(what->key, what->facet) : nullptr;
  }
  bool is(const Intent::There& what) const { return found.has_value() && found->key == what.key; }
};

// Before a name goes away: what the kernel still refers to stays reachable by a descriptor.
void keep_reachable(Worker& worker, Node* node, const Node* parent, std::string_view name,
                    bool replaced) {
  worker.files.before_name_goes(node, parent, name, replaced);
  (void)worker.table.keep_held(node);
}

void remove(fuse_req_t req, fuse_ino_t parent_id, const char* name, bool want_directory) {
  Worker& worker = worker_of(req);
  Side at{worker.get(parent_id), name};
  if (at.parent == nullptr) return fail(req, kStale);
  const auto looked = at.look(worker);
  const auto noted = worker.intent().was_noted() ? worker.intent().first() : std::nullopt;
  const bool removed_before =
      noted.has_value() && (worker.intent().has_done(wire::BrokerOp::kRemove) || !at.is(*noted));
  if (!looked.ok() && !removed_before) return fail(req, looked.failure());
  if (removed_before) at.take(worker, noted);
  Node* const node = at.node;
  worker.intent().note(at.found);
  if (node != nullptr && !removed_before) keep_reachable(worker, node, at.parent, name, false);
  core::Outcome removed = core::Done{};
  if (!removed_before) removed = worker.names.remove(at.parent, name, want_directory);
  step();
  if (node != nullptr) {
    if (removed.ok()) worker.table.lose_name(node, at.parent, name);
    worker.table.let_go(node);
  }
  if (!removed.ok()) return fail(req, removed.failure());
  fuse_reply_err(req, 0);
}

void unlink(fuse_req_t req, fuse_ino_t parent, const char* name) { remove(req, parent, name, false); }
void rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) { remove(req, parent, name, true); }

// Whether the worker before this one, which noted what was there, has renamed it.
bool was_renamed(const Intent& intent, const Side& from, const Side& to, bool exchange) {
  if (!intent.was_noted() || !intent.first().has_value()) return false;
  if (intent.has_done(wire::BrokerOp::kRename)) return true;
  const Intent::There moved = *intent.first();
  const auto replaced = intent.second();
  if (replaced.has_value() && replaced->key == moved.key) return false;
  if (exchange) return replaced.has_value() && from.is(*replaced) && to.is(moved);
  return to.is(moved) && !from.is(moved);
}

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
  const bool exchange = (flags & wire::kRenameExchange) != 0;
  const auto from_looked = from.look(worker);
  const auto to_looked = to.look(worker);
  const bool renamed_before = was_renamed(worker.intent(), from, to, exchange);
  if (renamed_before) {
    from.take(worker, worker.intent().first());
    to.take(worker, worker.intent().second());
  } else {
    if (!from_looked.ok()) return fail(req, from_looked.failure());
    if (!to_looked.ok() && to_looked.failure().error != ENOENT) return fail(req, to_looked.failure());
  }
  worker.intent().note(from.found, to.found);
  if (to.node != nullptr && to.node != from.node && !exchange && !renamed_before) {
    keep_reachable(worker, to.node, to.parent, to.name, true);
  }
  core::Outcome renamed = core::Done{};
  if (!renamed_before) renamed = worker.names.rename(from.parent, from.name, to.parent, to.name, flags);
  step();
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
    if (exchange && to.node != nullptr) {
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
