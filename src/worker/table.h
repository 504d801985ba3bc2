// The inode table: nodeids that the kernel holds, and how to get at the files behind them.
//
// Used by the main thread only. Nodes are found by nodeid and by file; a path is kept as parent and
// name, and a descriptor only for directories in use (a bounded cache), open files and files that
// lost their name, so that a view of any size works with a small descriptor limit.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "core/result.h"
#include "wire/node_table.h"
#include "worker/legacy.h"
#include "worker/node.h"
#include "worker/watches.h"

namespace sluice::worker {

// What the kernel asks about is not where it was: it looks again.
inline constexpr core::Failure kStale{ESTALE, core::Reason::kNone};

class PathBuffer {
 public:
  std::string_view view() const { return {bytes_.data() + start_, bytes_.size() - start_}; }

 private:
  friend class Table;
  std::array<char, core::Limits::kPathBytes> bytes_;
  size_t start_ = bytes_.size();
};

class Table {
 public:
  // root: the tree's root directory, which the table duplicates. grafts: the roots of the trees in it,
  // borrowed for the call.
  // watches: borrowed for the table's life; of the directories that it holds. legacy: likewise; each change is written
  // down there. left: the nodes of the worker before this one, nullptr: it is the first. What they are is as true as that worker
  // was: nothing here relies on it.
  static core::Result<std::unique_ptr<Table>> create(int root, std::span<const int> grafts, Watches& watches,
                                                     Legacy& legacy, const wire::LeftTable* left);

  // kNowhere as its root where it is on a mount that is not the view's.
  FileKey key_of(const os::Stat& stat) const;

  Node* root() { return slots_[0].node.get(); }
  // nullptr: the kernel names a node that it has forgotten.
  Node* get(uint64_t nodeid);
  // nullptr: not known.
  Node* find(const os::Stat& stat, Facet facet);
  Node* find(const FileKey& file, Facet facet);
  // Finds or makes the node of what was seen at parent/name, and remembers the name. Does not count
  // a lookup.
  Node* remember(Node* parent, std::string_view name, const os::Stat& stat, Facet facet);
  // For a file that never had a name.
  Node* remember_nameless(FileKey file, Facet facet);

  void count_lookup(Node* node) {
    ++node->lookups;
    legacy_.counted(*node);
  }
  // Drops the node where nobody refers to it any more. Its grant must have been given back before.
  void forget(Node* node, uint64_t lookups);

  // parent/name does not lead to node any more. Nothing if the node was last seen elsewhere.
  void lose_name(Node* node, const Node* parent, std::string_view name);
  void gain_name(Node* node, Node* parent, std::string_view name);

  // The path below the root; ESTALE for a nameless node, ENAMETOOLONG for one that does not fit.
  core::Result<std::string_view> path_of(const Node* node, PathBuffer& buffer) const;
  core::Result<std::string_view> path_of(const Node* parent, std::string_view name,
                                         PathBuffer& buffer) const;

  // An O_PATH descriptor of a directory, checked to be that directory. The reference keeps it open.
  core::Result<std::shared_ptr<const os::Fd>> directory(Node* node);
  // Whether the path of a directory leads to it now; ESTALE where it was moved behind the view.
  core::Outcome is_by_its_path(Node* directory);
  // An O_PATH descriptor of any node, checked: the held one, or one for this use.
  core::Result<std::shared_ptr<const os::Fd>> hold(Node* node);
  // Makes sure that the node holds a descriptor of what its name leads to now (before the name goes
  // away, or while it is open). ESTALE where that is another file.
  core::Outcome keep_held(Node* node);
  // Undoes it for a file that still has a name and is not open.
  void let_go(Node* node);
  // Whether a file that is open has the name that it is known by; if it has none, it is known by none from now on.
  void find_again(Node* node);
  // The attributes as they are now, checked to be this node's. ESTALE where the name leads elsewhere.
  core::Result<os::Stat> stat(Node* node);
  // Attributes of parent/name. EXDEV at a mount point: the view does not cross it.
  core::Result<os::Stat> stat_child(Node* parent, std::string_view name);
  // Whether what was seen is in one of the view's trees, not on something mounted inside.
  bool stat_is_inside(const os::Stat& stat) const { return key_of(stat).root != kNowhere; }
  // Does what goes by the name of a node with each of its names, the last learned first, until one
  // leads to it: another may be gone behind the view, or be where the view's user may not search.
  template <typename Attempt>
  auto by_any_name(Node* node, Attempt attempt) {
    auto result = attempt();
    for (size_t left = node->links.size(); left > 0 && !result.ok(); --left) {
      const int error = result.failure().error;
      if (error != EACCES && error != ENOENT && error != ESTALE) break;
      next_name(node);
      result = attempt();
    }
    return result;
  }

  // Where an xattr call acts (those calls take no O_PATH descriptor): directory and name, checked
  // just before. EOPNOTSUPP for a nameless node.
  struct NamedTarget {
    std::shared_ptr<const os::Fd> directory;
    std::string_view name;
    os::Target target() const { return {directory->get(), name}; }
  };
  core::Result<NamedTarget> named(Node* node);

  template <typename Visit>
  void for_each(Visit visit) {
    for (const Slot& slot : slots_) {
      if (slot.node != nullptr) visit(slot.node.get());
    }
  }
  size_t size() const { return by_key_.size(); }
  Legacy& legacy() { return legacy_; }
  // Whether directories are no longer watched that were: since the last time that somebody asked.
  bool take_unwatched() { return std::exchange(unwatched_, false); }

 private:
  struct Slot {
    std::unique_ptr<Node> node;
    uint32_t generation = 0;
  };
  struct CachedDirectory {
    uint64_t nodeid;
    uint64_t recency;
  };

  Table(Watches& watches, Legacy& legacy) : watches_(watches), legacy_(legacy) {}
  void take_over(const wire::LeftTable& left);
  Node* make(const FileKey& file, Facet facet, uint32_t type);
  void drop_link(Node* node, const Node* parent, std::string_view name);
  void set_parent(Node* node, Node* parent, std::string_view name);
  void release_if_unused(Node* node);
  void touch(Node* node);
  void drop_directory(Node* node);
  void next_name(Node* node);
  // nullptr: it is not open.
  std::shared_ptr<const os::Fd> find_directory(Node* node);
  core::Result<os::Fd> open_by_name(Node* node);
  core::Result<os::Fd> open_by_this_name(Node* node);
  // Opens its name there and makes sure that it is the node.
  core::Result<os::Fd> open_in(int parent, const Node* node) const;
  core::Result<os::Stat> stat_by_this_name(Node* node);
  core::Result<NamedTarget> named_by_this_name(Node* node);

  static constexpr uint32_t kNowhere = ~0u;
  Watches& watches_;
  Legacy& legacy_;
  bool unwatched_ = false;
  std::vector<uint64_t> mount_ids_;  // of the trees
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  absl::flat_hash_map<std::pair<FileKey, Facet>, Node*> by_key_;
  absl::flat_hash_map<const Node*, std::shared_ptr<const os::Fd>> directories_;
  std::deque<CachedDirectory> recent_;  // oldest first; entries whose recency is old are skipped
  uint64_t clock_ = 0;
  uint64_t last_seen_ = 0;  // nodeid
};

}  // namespace sluice::worker
