// Which directories of the source the kernel tells of changes in: those that the table holds a
// descriptor of, which are those that the view has looked into last. A mark more or less is never
// an error: what is not watched is remembered for a second at most (Worker).
//
// Used by the main thread only.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <span>
#include <vector>

#include "os/change_watch.h"
#include "worker/node.h"

namespace sluice::worker {

class Watches {
 public:
  // Watches nothing until it begins.
  Watches() = default;
  // Before the seccomp filter. group: borrowed for life. roots: of the view's trees, borrowed for
  // the call; a tree whose file handles do not tell an inode number is left out.
  void start(int group, std::span<const int> roots, os::Watched what);

  bool are_on() const { return group_ >= 0; }
  int group() const { return group_; }
  os::Watched what() const { return what_; }

  // Before anything is looked up in the node's directory.
  void begin(Node* node, int directory);
  void end(Node* node, int directory);

  // The nodes of a directory; empty: it is not watched.
  std::span<const uint64_t> nodes_of(uint64_t inode) const;

 private:
  int group_ = -1;
  os::Watched what_ = os::Watched::kNames;
  std::vector<bool> readable_;  // by tree
  // By inode number alone: where two filesystems have the same, too much is forgotten.
  absl::flat_hash_map<uint64_t, absl::InlinedVector<uint64_t, 1>> nodes_;
};

}  // namespace sluice::worker
