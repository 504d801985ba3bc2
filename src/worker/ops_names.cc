// Names: looking them up, making, removing, renaming and linking them.
#include <fcntl.h>
#include <linux/fs.h>

#include <cerrno>
#include <cstdio>

#include "worker/worker.h"

namespace sluice::worker {
namespace {

constexpr core::Failure kStale{ESTALE, core::Reason::kNone};
constexpr core::Failure kHiddenName{EACCES, core::Reason::kHidden};
constexpr core::Failure kOtherRules{EXDEV, core::Reason::kOtherRules};

void lookup(fuse_req_t req, fuse_ino_t parent_id, const char* name) {
  Worker& worker = worker_of(req);
  Node* parent = worker.get(parent_id);
  if (parent == nullptr) return fail(req, kStale);
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
// linked: the node of which it is to be another name.
template <typename Make>
void make_name(fuse_req_t req, fuse_ino_t parent_id, const char* name, uint32_t mode, Make make,
               const Node* linked = nullptr) {
  Worker& worker = worker_of(req);
  Node* parent = worker.get(parent_id);
  if (parent == nullptr) return fail(req, kStale);
  const auto facet = worker.rules.may_make(parent, name, S_ISDIR(mode));
  if (!facet.ok()) return fail(req, facet.failure());
  if (linked != nullptr && linked->facet != *facet) return fail(req, kOtherRules);
  auto directory = worker.table.directory(parent);
  if (!directory.ok()) return fail(req, directory.failure());
  worker.use_umask(fuse_req_ctx(req)->umask);
  auto made = make((*directory)->get());
  // A link is not a new file: it keeps its owner.
  if (made.ok() && linked == nullptr) made = worker.settle_owner(req, parent, name, mode);
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
  make_name(req, parent, name, mode, [&](int dir) { return os::make_node(dir, name, mode); });
}

void mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  make_name(req, parent, name, S_IFDIR | mode,
            [&](int dir) { return os::make_directory(dir, name, mode & 07777); });
}

void symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  make_name(req, parent, name, S_IFLNK,
            [&](int dir) { return os::make_symlink(target, dir, name); });
}

void link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t parent_id, const char* name) {
  Worker& worker = worker_of(req);
  Node* node = worker.get(nodeid);
  if (node == nullptr) return fail(req, kStale);
  make_name(req, parent_id, name, node->type, [&](int to) -> core::Outcome {
    if (node->parent == nullptr) {
      return worker.files.link_temp(node, worker.get(parent_id), name);
    }
    auto from = worker.table.named(node);
    if (!from.ok()) return from.failure();
    return os::make_link(from->directory->get(), from->name, to, name);
  }, node);
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
  if (auto may = worker.rules.may(decision, core::Operation::kRemove); !may.ok()) {
    return fail(req, may.failure());
  }
  Node* node = worker.table.find(*stat, worker.rules.facet_of(decision));
  if (node != nullptr) keep_reachable(worker, node, parent, name, false);
  auto directory = worker.table.directory(parent);
  if (!directory.ok()) return fail(req, directory.failure());
  auto removed = os::remove_name((*directory)->get(), name, want_directory);
  if (node != nullptr) {
    if (removed.ok()) worker.table.lose_name(node, parent, name);
    worker.table.let_go(node);
  }
  if (!removed.ok()) return fail(req, removed.failure());
  fuse_reply_err(req, 0);
}

void unlink(fuse_req_t req, fuse_ino_t parent, const char* name) { remove(req, parent, name, false); }
void rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) { remove(req, parent, name, true); }

// A name on either side of a rename: what is there, and what the rules say of it.
struct Side {
  Node* parent;
  std::string_view name;
  bool exists = false;
  bool is_directory = false;
  core::Verdicts verdicts = {};
  Node* node = nullptr;  // if the kernel knows it

  const core::Decision& decision() const { return verdicts.of(is_directory); }

  core::Outcome look(Worker& worker) {
    verdicts = worker.rules.decide(parent, name);
    auto stat = worker.table.stat_child(parent, name);
    if (!stat.ok()) return stat.failure();
    exists = true;
    is_directory = S_ISDIR(stat->stx_mode);
    node = worker.table.find(*stat, worker.rules.facet_of(decision()));
    return core::Done{};
  }
};

// Whether what is at `from` may go to the name of `to`. A directory only goes where the same rules
// hold below it; otherwise it would have to be copied, and a copy takes along only what can be seen.
core::Outcome may_move(Worker& worker, const Side& from, const Side& to) {
  ViewRules& rules = worker.rules;
  if (rules.empty()) return core::Done{};
  if (auto may = rules.may(from.decision(), core::Operation::kRemove); !may.ok()) return may;
  const core::Decision& then = to.verdicts.of(from.is_directory);
  // What is not there must not tell by its kind that something hidden is.
  if (!to.exists && (rules.hides(to.verdicts.file) || rules.hides(to.verdicts.directory))) return kHiddenName;
  if (auto may = rules.may(then, core::Operation::kMake); !may.ok()) return may;
  if (rules.facet_of(then) != rules.facet_of(from.decision())) return kOtherRules;
  if (!from.is_directory) return core::Done{};
  PathBuffer old_buffer, new_buffer;
  const auto old_path = worker.table.path_of(from.parent, from.name, old_buffer);
  const auto new_path = worker.table.path_of(to.parent, to.name, new_buffer);
  if (!old_path.ok()) return old_path.failure();
  if (!new_path.ok()) return new_path.failure();
  return rules.same_below(*old_path, *new_path) ? core::Outcome(core::Done{}) : kOtherRules;
}

// Whether what is at the name of `to` may be replaced.
core::Outcome may_replace(Worker& worker, const Side& to) {
  if (!to.exists || worker.rules.empty()) return core::Done{};
  if (worker.rules.hides(to.decision())) return kHiddenName;
  return worker.rules.may(to.decision(), core::Operation::kRemove);
}

void rename(fuse_req_t req, fuse_ino_t from_id, const char* from_name, fuse_ino_t to_id,
            const char* to_name, unsigned flags) {
  Worker& worker = worker_of(req);
  Side from{worker.get(from_id), from_name};
  Side to{worker.get(to_id), to_name};
  if (from.parent == nullptr || to.parent == nullptr) return fail(req, kStale);
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0) {
    return fail(req, {EINVAL, core::Reason::kProtocol});
  }
  if (auto looked = from.look(worker); !looked.ok()) return fail(req, looked.failure());
  if (auto looked = to.look(worker); !looked.ok() && looked.failure().error != ENOENT) {
    return fail(req, looked.failure());
  }
  if (auto may = may_move(worker, from, to); !may.ok()) return fail(req, may.failure());
  if (auto may = may_replace(worker, to); !may.ok()) return fail(req, may.failure());
  if ((flags & RENAME_EXCHANGE) != 0 && to.exists) {
    if (auto may = may_move(worker, to, from); !may.ok()) return fail(req, may.failure());
  }
  if (to.node != nullptr && to.node != from.node && (flags & RENAME_EXCHANGE) == 0) {
    keep_reachable(worker, to.node, to.parent, to.name, true);
  }
  auto from_dir = worker.table.directory(from.parent);
  if (!from_dir.ok()) return fail(req, from_dir.failure());
  auto to_dir = worker.table.directory(to.parent);
  if (!to_dir.ok()) return fail(req, to_dir.failure());
  auto renamed =
      os::rename_name((*from_dir)->get(), from.name, (*to_dir)->get(), to.name, flags);
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
    if ((flags & RENAME_EXCHANGE) != 0 && to.node != nullptr) {
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
