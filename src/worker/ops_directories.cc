// Directories: opening and listing them.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "worker/worker.h"

namespace sluice::worker {
namespace {

// A directory that may be read and not searched cannot be opened from within.
core::Result<os::Fd> open_by_name(Worker& worker, const Node* node) {
  auto parent = worker.table.directory(node->parent);
  if (!parent.ok()) return parent.failure();
  auto fd = os::open_directory((*parent)->get(), node->name);
  if (!fd.ok()) return fd;
  auto stat = os::stat_held(fd->get());
  if (!stat.ok()) return stat.failure();
  if (worker.table.key_of(*stat) != node->key) return kStale;
  return fd;
}

core::Result<os::Fd> open_to_list(Worker& worker, Node* node) {
  if (auto may = worker.rules.may(node, core::Operation::kList); !may.ok()) return may.failure();
  auto directory = worker.table.directory(node);
  if (!directory.ok()) return directory.failure();
  auto fd = os::open_directory((*directory)->get(), ".");
  if (!fd.ok() && fd.failure().error == EACCES && node->parent != nullptr) return open_by_name(worker, node);
  return fd;
}

void opendir(fuse_req_t req, fuse_ino_t nodeid, fuse_file_info* file) {
  Worker& worker = worker_of(req);
  Node* node = worker.get(nodeid);
  if (node == nullptr) return fail(req, kStale);
  auto fd = open_to_list(worker, node);
  if (!fd.ok()) return fail(req, fd.failure());
  const int directory = fd->get();
  file->fh = worker.listings.add(*std::move(fd), !worker.rules.empty());
  worker.tell_listing(node, directory, file);
  if (fuse_reply_open(req, file) == 0) return;
  worker.listings.remove(file->fh);
  worker.listing_closed(node, file->fh);
}

// The listing of a directory that is open; one that the worker before this one had is opened anew.
core::Result<Listing*> listing_of(Worker& worker, fuse_ino_t nodeid, const fuse_file_info* file) {
  if (Listing* listing = worker.listings.find(file->fh); listing != nullptr) return listing;
  Node* node = worker.get(nodeid);
  if (node == nullptr) return kStale;
  auto fd = open_to_list(worker, node);
  if (!fd.ok()) return fd.failure();
  return worker.listings.add_again(file->fh, *std::move(fd));
}

void releasedir(fuse_req_t req, fuse_ino_t nodeid, fuse_file_info* file) {
  Worker& worker = worker_of(req);
  worker.listings.remove(file->fh);
  if (Node* node = worker.table.get(nodeid); node != nullptr) worker.listing_closed(node, file->fh);
  fuse_reply_err(req, 0);
}

// Whether an entry is to be listed; its attributes too, where they had to be looked at.
struct Shown {
  bool visible = false;
  bool has_stat = false;
  os::Stat stat;
  core::Decision decision;
};

// parent: the path of the directory, where there are rules.
Shown judge(Worker& worker, std::string_view parent, int dir, const RawEntry& entry, bool want_stat) {
  Shown shown;
  uint32_t type = DTTOIF(entry.type);
  if (want_stat || (entry.type == DT_UNKNOWN && !worker.rules.empty())) {
    auto stat = os::stat_name(dir, entry.name);
    if (stat.ok()) {
      shown.has_stat = true;
      shown.stat = *stat;
      type = stat->stx_mode & S_IFMT;
    } else if (entry.type == DT_UNKNOWN) {
      return shown;  // gone, or not to be told: fail closed
    }
  }
  shown.decision = worker.rules.decide(parent, entry.name).of(type == S_IFDIR);
  shown.visible = !worker.rules.hides(shown.decision);
  return shown;
}

// Whether attributes are to come with the name. Of directories always: who goes through a tree comes to them
// next. In the middle of a listing the kernel asks for them only where names of it were looked up.
bool wants_attributes(Worker& worker, const RawEntry& entry, off_t offset) {
  return entry.type == DT_DIR || offset != 0 || worker.habit.wants_file();
}

bool is_dots(const RawEntry& entry) {
  return std::strcmp(entry.name, ".") == 0 || std::strcmp(entry.name, "..") == 0;
}

void list(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t offset, fuse_file_info* file,
          bool plus) {
  Worker& worker = worker_of(req);
  Node* node = worker.get(nodeid);
  if (node == nullptr) return fail(req, kStale);
  const auto found = listing_of(worker, nodeid, file);
  if (!found.ok()) return fail(req, found.failure());
  if (worker.is_told_too_much(node, file->fh)) return fail(req, kStale);
  Listing& listing = **found;
  if (auto moved = listing.go_to(offset); !moved.ok()) return fail(req, moved.failure());
  const int dir = listing.fd()->get();
  PathBuffer buffer;
  const auto path = worker.rules.empty() ? core::Result<std::string_view>("")
                                         : worker.table.path_of(node, buffer);
  if (!path.ok()) return fail(req, path.failure());
  const bool masked = worker.rules.is_masked(node);
  if (offset == 0) {
    worker.habit.begin(node->id);
    if (node->listing != nullptr) node->listing->with_attributes = plus && worker.habit.expects_looks();
  }
  std::vector<char> reply(size);
  std::vector<Node*> counted;  // lookups to take back if nobody takes the reply
  size_t used = 0;
  for (;;) {
    auto peeked = listing.peek();
    if (!peeked.ok()) {
      if (used > 0) break;
      return fail(req, peeked.failure());
    }
    const RawEntry* entry = *peeked;
    if (entry == nullptr) break;
    struct fuse_entry_param answer {};
    answer.attr.st_ino = entry->ino;
    answer.attr.st_mode = DTTOIF(entry->type);
    Node* child = nullptr;
    if (is_dots(*entry)) {
      // What is above the root is nobody's business in the view.
      if (node == worker.table.root()) answer.attr.st_ino = node->key.ino;
    } else {
      const bool want_stat = plus && !masked && wants_attributes(worker, *entry, offset);
      const Shown shown = masked ? Shown{} : judge(worker, *path, dir, *entry, want_stat);
      if (!shown.visible) {
        listing.advance(entry);
        continue;
      }
      // Without attributes (nobody wants them, the name is gone, or a mount point) the kernel will look it up if asked.
      if (plus && shown.has_stat && worker.table.stat_is_inside(shown.stat)) {
        child = worker.remember(node, entry->name, shown.stat, worker.rules.facet_of(shown.decision));
        os::Stat stat = shown.stat;
        worker.rules.show(child->facet, &stat);
        answer.ino = child->id;
        answer.attr = to_stat(stat);
        answer.attr_timeout = Worker::seconds(worker.attribute_time(child, shown.stat.stx_nlink));
        answer.entry_timeout = Worker::seconds(worker.name_time(node));
      }
    }
    const size_t left = size - used;
    const int64_t behind = listing.cookie_behind(entry);
    const size_t needed =
        plus ? fuse_add_direntry_plus(req, reply.data() + used, left, entry->name, &answer, behind)
             : fuse_add_direntry(req, reply.data() + used, left, entry->name, &answer.attr, behind);
    if (needed > left) {
      if (child != nullptr) worker.table.forget(child, 0);
      break;
    }
    used += needed;
    if (child != nullptr) {
      worker.table.count_lookup(child);
      counted.push_back(child);
    }
    listing.advance(entry);
  }
  if (fuse_reply_buf(req, reply.data(), used) != 0) {
    for (Node* child : counted) worker.table.forget(child, 1);
  }
}

void readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t offset, fuse_file_info* file) {
  list(req, nodeid, size, offset, file, false);
}
void readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t offset,
                 fuse_file_info* file) {
  list(req, nodeid, size, offset, file, true);
}

void fsyncdir(fuse_req_t req, fuse_ino_t nodeid, int data_only, fuse_file_info* file) {
  Worker& worker = worker_of(req);
  // A read-only view has nothing to sync, and its worker may not.
  if (worker.config.read_only) {
    fuse_reply_err(req, 0);
    return;
  }
  const auto listing = listing_of(worker, nodeid, file);
  if (!listing.ok()) return fail(req, listing.failure());
  worker.data.submit_directory_sync(req, (*listing)->fd(), data_only != 0);
}

}  // namespace

void add_directory_operations(fuse_lowlevel_ops& ops) {
  ops.opendir = opendir;
  ops.releasedir = releasedir;
  ops.readdir = readdir;
  ops.readdirplus = readdirplus;
  ops.fsyncdir = fsyncdir;
}

}  // namespace sluice::worker
