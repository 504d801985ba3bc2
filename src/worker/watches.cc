#include "worker/watches.h"

#include <algorithm>

#include "os/file.h"
#include "wire/change_event.h"

namespace sluice::worker {
namespace {

// Handles are the filesystem's own affair: what we take for the inode number is tried on the root.
bool handle_tells_inode(int root) {
  const auto stat = os::stat_held(root);
  const auto handle = os::handle_of(root);
  return stat.ok() && handle.ok() &&
         wire::inode_of_handle(handle->type, handle->bytes) == stat->stx_ino;
}

}  // namespace

void Watches::start(int group, std::span<const int> roots, os::Watched what) {
  group_ = group;
  what_ = what;
  for (const int root : roots) readable_.push_back(handle_tells_inode(root));
}

void Watches::begin(Node* node, int directory) {
  if (!are_on() || node->announced) return;
  if (node->key.root >= readable_.size() || !readable_[node->key.root]) return;
  // Refused where the view's user may not read the directory, or has as many marks as it may.
  if (!os::watch_directory(group_, directory, what_).ok()) return;
  node->announced = true;
  nodes_[node->key.ino].push_back(node->id);
}

void Watches::end(Node* node, int directory) {
  if (!node->announced) return;
  node->announced = false;
  const auto found = nodes_.find(node->key.ino);
  auto& ids = found->second;
  ids.erase(std::find(ids.begin(), ids.end(), node->id));
  if (!ids.empty()) return;
  nodes_.erase(found);
  (void)os::unwatch_directory(group_, directory, what_);
}

std::span<const uint64_t> Watches::nodes_of(uint64_t inode) const {
  const auto found = nodes_.find(inode);
  if (found == nodes_.end()) return {};
  return found->second;
}

}  // namespace sluice::worker
