// A directory as a view with a policy would show it. Nothing is mounted, written or followed.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/grafts.h"
#include "core/matcher.h"
#include "core/result.h"
#include "os/fd.h"

namespace sluice::cli {

struct TreeName {
  std::string name;
  mode_t type;  // S_IFDIR and its like
};
// What is in a directory of a tree, in the order of the names, the last first. The time of access
// stays what it was, where the system allows that.
core::Result<std::vector<TreeName>> names_in(int root, std::string_view path);

struct TreeEntry {
  std::string_view path;  // below the root
  std::string_view name;
  size_t depth;  // 0 in the root
  mode_t type;   // S_IFDIR and its like
  core::Decision decision;
  bool hidden;
  core::Place place;      // in which tree; a graft's own directory has an empty rest
  std::string_view note;  // why it is not gone into, of a directory that is; may be empty
};

// A view's trees.
struct Trees {
  const os::Fd& source;  // none: a tree of nothing but the grafts
  std::span<const core::Graft> places;
  std::span<const os::Fd> grafts;  // of each place
};

// All names of the trees, as one, sorted, each directory before what is in it.
// What is hidden is told, and not gone into; nor is a directory that is denied or masked, or
// another mount.
core::Outcome walk_trees(const Trees& trees, core::Matcher& matcher,
                         const std::function<void(const TreeEntry&)>& visit);

}  // namespace sluice::cli
