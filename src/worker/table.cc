#include "core/limits.h"
#include "worker/table.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/path.h"
#include "os/metadata.h"

namespace sluice::worker {

FileKey Table::key_of(const os::Stat& stat) const {
  const auto found = std::find(mount_ids_.begin(), mount_ids_.end(), stat.stx_mnt_id);
  return {os::dev_of(stat), stat.stx_ino, stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec,
          found == mount_ids_.end() ? kNowhere : static_cast<uint32_t>(found - mount_ids_.begin())};
}

core::Result<std::unique_ptr<Table>> Table::create(int root, std::span<const int> grafts, Watches& watches,
                                                   Legacy& legacy, const wire::LeftTable* left) {
  auto stat = os::stat_held(root);
  if (!stat.ok()) return stat.failure();
  if (!S_ISDIR(stat->stx_mode)) return core::Failure{ENOTDIR, core::Reason::kSourceNotDirectory};
  auto held = os::duplicate(root);
  if (!held.ok()) return held.failure();
  std::unique_ptr<Table> table(new Table(watches, legacy));
  table->mount_ids_.push_back(stat->stx_mnt_id);
  for (const int graft : grafts) {
    auto inside = os::stat_held(graft);
    if (!inside.ok()) return inside.failure();
    table->mount_ids_.push_back(inside->stx_mnt_id);
  }
  Node* node = table->make(table->key_of(*stat), 0, S_IFDIR);
  node->lookups = 1;  // never forgotten
  table->directories_[node] = std::make_shared<const os::Fd>(held->release());
  watches.begin(node, root);
  if (left != nullptr) table->take_over(*left);
  return table;
}

// nodeid: generation in the upper half, slot + 1 in the lower; the root's is FUSE_ROOT_ID, 1.
Node* Table::get(uint64_t nodeid) {
  const uint64_t slot = (nodeid & 0xFFFFFFFF) - 1;
  if (slot >= slots_.size() || slots_[slot].generation != nodeid >> 32) return nullptr;
  return slots_[slot].node.get();
}

Node* Table::find(const FileKey& file, Facet facet) {
  const auto found = by_key_.find({file, facet});
  return found == by_key_.end() ? nullptr : found->second;
}

Node* Table::find(const os::Stat& stat, Facet facet) {
  Node* node = find(key_of(stat), facet);
  return node != nullptr && node->type == (stat.stx_mode & S_IFMT) ? node : nullptr;
}

Node* Table::make(const FileKey& file, Facet facet, uint32_t type) {
  uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.push_back({nullptr, slot == 0 ? 0 : legacy_.first_generation()});
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot].node = std::make_unique<Node>();
  Node* node = slots_[slot].node.get();
  node->id = uint64_t{slots_[slot].generation} << 32 | (slot + 1);
  node->key = file;
  node->facet = facet;
  node->type = type;
  by_key_[{file, facet}] = node;
  legacy_.made(*node);
  return node;
}

Node* Table::remember(Node* parent, std::string_view name, const os::Stat& stat, Facet facet) {
  Node* node = find(stat, facet);
  if (node == nullptr) node = make(key_of(stat), facet, stat.stx_mode & S_IFMT);
  if (node->parent != parent || node->name != name) gain_name(node, parent, name);
  if (Node* before = get(last_seen_); before != nullptr && before != node && before->parent == parent) before->next_seen = node->id;
  last_seen_ = node->id;
  return node;
}

Node* Table::remember_nameless(FileKey file, Facet facet) {
  return make(file, facet, S_IFREG);
}

void Table::set_parent(Node* node, Node* parent, std::string_view name) {
  Node* before = std::exchange(node->parent, parent);
  if (parent != nullptr) ++parent->children;
  node->name = name;
  legacy_.named(*node);
  if (before != nullptr) {
    --before->children;
    release_if_unused(before);
  }
}

void Table::gain_name(Node* node, Node* parent, std::string_view name) {
  // The root keeps being the root, whatever is moved behind the view's back; nor may a directory
  // become its own ancestor in the table while the kernel still has names from before a move.
  if (node == root()) return;
  for (const Node* up = parent; up != nullptr; up = up->parent) {
    if (up == node) return;
  }
  if (node->parent != nullptr && !node->is_directory()) {
    // What is not true any more is found out when it is used.
    if (node->links.size() == core::Limits::kLinks) {
      drop_link(node, node->links.front().parent, std::string(node->links.front().name));
    }
    ++node->parent->children;
    node->links.push_back({node->parent, node->name});
  }
  set_parent(node, parent, name);
  drop_link(node, parent, name);
  let_go(node);
}

void Table::let_go(Node* node) {
  if (node->parent != nullptr && !node->is_directory() && node->opens == 0) node->held.reset();
}

void Table::drop_link(Node* node, const Node* parent, std::string_view name) {
  for (auto link = node->links.begin(); link != node->links.end(); ++link) {
    if (link->parent != parent || link->name != name) continue;
    Node* before = link->parent;
    node->links.erase(link);
    legacy_.named(*node);
    --before->children;
    release_if_unused(before);
    return;
  }
}

void Table::lose_name(Node* node, const Node* parent, std::string_view name) {
  if (node->parent != parent || node->name != name) return drop_link(node, parent, name);
  if (node->links.empty()) return set_parent(node, nullptr, {});
  const Node::Link link = node->links.back();
  set_parent(node, link.parent, link.name);
  drop_link(node, link.parent, link.name);
}

void Table::forget(Node* node, uint64_t lookups) {
  node->lookups -= std::min(lookups, node->lookups);
  legacy_.counted(*node);
  release_if_unused(node);
}

void Table::release_if_unused(Node* node) {
  while (node != nullptr && node->lookups == 0 && node->children == 0 && node != root()) {
    Node* parent = node->parent;
    const auto slot = static_cast<uint32_t>((node->id & 0xFFFFFFFF) - 1);
    legacy_.gone(*node, slots_[slot].generation + 1);
    while (!node->links.empty()) {
      drop_link(node, node->links.back().parent, std::string(node->links.back().name));
    }
    const auto found = by_key_.find({node->key, node->facet});
    if (found != by_key_.end() && found->second == node) {
      by_key_.erase(found);
    }
    drop_directory(node);
    slots_[slot].node.reset();
    ++slots_[slot].generation;
    free_.push_back(slot);
    if (parent != nullptr) --parent->children;
    node = parent;
  }
}

core::Result<std::string_view> Table::path_of(const Node* node, PathBuffer& buffer) const {
  buffer.start_ = buffer.bytes_.size();
  for (const Node* at = node; at != slots_[0].node.get(); at = at->parent) {
    if (at->parent == nullptr) return kStale;
    const bool last = buffer.start_ == buffer.bytes_.size();
    const size_t needed = at->name.size() + (last ? 0 : 1);
    if (needed > buffer.start_) return core::Failure{ENAMETOOLONG, core::Reason::kPathMalformed};
    buffer.start_ -= needed;
    std::memcpy(&buffer.bytes_[buffer.start_], at->name.data(), at->name.size());
    if (!last) buffer.bytes_[buffer.start_ + at->name.size()] = '/';
  }
  return buffer.view();
}

core::Result<std::string_view> Table::path_of(const Node* parent, std::string_view name,
                                              PathBuffer& buffer) const {
  // Some filesystems have longer ones, of which the broker takes none.
  if (name.size() > core::kMaxNameBytes) return core::Failure{ENAMETOOLONG, core::Reason::kPathMalformed};
  auto path = path_of(parent, buffer);
  if (!path.ok()) return path;
  const bool in_root = path->empty();
  const size_t length = path->size() + (in_root ? 0 : 1) + name.size();
  if (length > buffer.bytes_.size()) {
    return core::Failure{ENAMETOOLONG, core::Reason::kPathMalformed};
  }
  const size_t start = buffer.bytes_.size() - length;
  std::memmove(&buffer.bytes_[start], path->data(), path->size());
  if (!in_root) buffer.bytes_[start + path->size()] = '/';
  std::memcpy(&buffer.bytes_[buffer.bytes_.size() - name.size()], name.data(), name.size());
  buffer.start_ = start;
  return buffer.view();
}

void Table::next_name(Node* node) {
  Node::Link next = std::move(node->links.front());
  node->links.erase(node->links.begin());
  node->links.push_back({node->parent, std::move(node->name)});
  node->parent = next.parent;
  node->name = std::move(next.name);
}

core::Result<os::Fd> Table::open_by_name(Node* node) {
  return by_any_name(node, [&] { return open_by_this_name(node); });
}

core::Result<os::Fd> Table::open_by_this_name(Node* node) {
  if (node->parent == nullptr) return kStale;
  auto parent = directory(node->parent);
  if (!parent.ok()) return parent.failure();
  return open_in((*parent)->get(), node);
}

core::Result<os::Fd> Table::open_in(int parent, const Node* node) const {
  auto fd = os::open_name_path(parent, node->name);
  if (!fd.ok()) return fd.failure().error == ENOENT ? kStale : fd.failure();
  auto stat = os::stat_held(fd->get());
  if (!stat.ok()) return stat.failure();
  if (key_of(*stat) != node->key) return kStale;
  return fd;
}

void Table::drop_directory(Node* node) {
  const auto held = directories_.find(node);
  if (held == directories_.end()) return;
  watches_.end(node, held->second->get());
  directories_.erase(held);
}

void Table::touch(Node* node) {
  if (node == root()) return;
  node->recency = ++clock_;
  recent_.push_back({node->id, clock_});
  const size_t most = core::Limits::kOpenDirectories;
  if (directories_.size() <= most && recent_.size() <= 8 * most) return;
  // Many at a time, since what the kernel remembers of those that are watched no more is forgotten with all
  // else. Once around at the most. Entries of forgotten nodes and of nodes touched again later go; a
  // directory without a name keeps its descriptor, since it could not be opened again.
  for (size_t left = recent_.size(); left > 0; --left) {
    const CachedDirectory oldest = recent_.front();
    recent_.pop_front();
    Node* candidate = get(oldest.nodeid);
    if (candidate == nullptr || candidate->recency != oldest.recency) continue;
    if (directories_.size() <= most - most / 8 || candidate->parent == nullptr) {
      recent_.push_back(oldest);
    } else {
      unwatched_ = unwatched_ || candidate->announced;
      drop_directory(candidate);
      if (recent_.size() <= 4 * most) break;
    }
  }
}

std::shared_ptr<const os::Fd> Table::find_directory(Node* node) {
  const auto found = directories_.find(node);
  if (found == directories_.end()) return nullptr;
  auto fd = found->second;
  if (node->recency + core::Limits::kOpenDirectories / 2 < clock_) touch(node);
  return fd;
}

core::Result<std::shared_ptr<const os::Fd>> Table::directory(Node* node) {
  // Up to the first that is open and down again, in loops: the way may be longer than a stack has room for.
  std::vector<Node*> way;
  auto fd = find_directory(node);
  for (; fd == nullptr; fd = find_directory(node)) {
    if (!node->is_directory()) return core::Failure{ENOTDIR, core::Reason::kSystem};
    if (node->parent == nullptr) return kStale;
    way.push_back(node);
    node = node->parent;
  }
  for (; !way.empty(); way.pop_back()) {
    Node* below = way.back();
    auto opened = open_in(fd->get(), below);
    if (!opened.ok()) return opened.failure();
    fd = std::make_shared<const os::Fd>(opened->release());
    directories_[below] = fd;
    watches_.begin(below, fd->get());
    touch(below);
  }
  return fd;
}

core::Outcome Table::is_by_its_path(Node* node) {
  if (node == root()) return core::Done{};
  PathBuffer buffer;
  auto path = path_of(node, buffer);
  if (!path.ok()) return path.failure();
  auto top = directory(root());
  if (!top.ok()) return top.failure();
  // No link on the way is followed: the tree is mounted so.
  auto stat = os::stat_path((*top)->get(), *path);
  // Somebody who is there already may not come that way any more.
  if (!stat.ok() && stat.failure().error == EACCES) return stat.failure();
  if (!stat.ok() || key_of(*stat) != node->key) return kStale;
  return core::Done{};
}

core::Result<std::shared_ptr<const os::Fd>> Table::hold(Node* node) {
  if (node->is_directory()) return directory(node);
  if (node->is_held()) {
    // A descriptor of its own, since the node may let go of its one while this is used.
    auto copy = os::duplicate(node->held.get());
    if (!copy.ok()) return copy.failure();
    return std::make_shared<const os::Fd>(copy->release());
  }
  auto fd = open_by_name(node);
  if (!fd.ok()) return fd.failure();
  return std::make_shared<const os::Fd>(fd->release());
}

core::Outcome Table::keep_held(Node* node) {
  if (node->is_directory()) {
    auto fd = directory(node);
    if (!fd.ok()) return fd.failure();
    return core::Done{};
  }
  if (node->is_held()) return core::Done{};
  if (node->held) {
    auto now = stat(node);
    if (!now.ok()) node->held.reset();
    return now.ok() ? core::Outcome(core::Done{}) : now.failure();
  }
  auto fd = open_by_name(node);
  if (!fd.ok()) return fd.failure();
  node->held = *std::move(fd);
  return core::Done{};
}

core::Result<os::Stat> Table::stat(Node* node) {
  if (node->is_held()) return os::stat_held(node->held.get());
  if (node->is_directory()) {
    auto fd = directory(node);
    if (!fd.ok()) return fd.failure();
    return os::stat_held((*fd)->get());
  }
  return by_any_name(node, [&] { return stat_by_this_name(node); });
}

core::Result<os::Stat> Table::stat_by_this_name(Node* node) {
  if (node->parent == nullptr) return kStale;
  auto stat = stat_child(node->parent, node->name);
  if (!stat.ok()) {
    return stat.failure().error == ENOENT ? core::Result<os::Stat>(kStale) : stat;
  }
  if (key_of(*stat) != node->key) return kStale;
  return stat;
}

core::Result<os::Stat> Table::stat_child(Node* parent, std::string_view name) {
  auto fd = directory(parent);
  if (!fd.ok()) return fd.failure();
  auto stat = os::stat_name((*fd)->get(), name);
  if (stat.ok() && !stat_is_inside(*stat)) {
    return core::Failure{EXDEV, core::Reason::kOutsideRoot};
  }
  return stat;
}

core::Result<Table::NamedTarget> Table::named(Node* node) {
  if (node == root()) return NamedTarget{directories_.at(node), "."};
  return by_any_name(node, [&] { return named_by_this_name(node); });
}

core::Result<Table::NamedTarget> Table::named_by_this_name(Node* node) {
  if (node->parent == nullptr) return core::Failure{EOPNOTSUPP, core::Reason::kNone};
  auto parent = directory(node->parent);
  if (!parent.ok()) return parent.failure();
  auto stat = os::stat_name((*parent)->get(), node->name);
  if (!stat.ok()) return stat.failure();
  if (key_of(*stat) != node->key) return kStale;
  return NamedTarget{*std::move(parent), node->name};
}

}  // namespace sluice::worker
