// A directory as a view with a policy would show it. Nothing is mounted, written or followed.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include "core/matcher.h"
#include "core/result.h"

namespace sluice::cli {

struct TreeEntry {
  std::string_view path;  // below the root
  std::string_view name;
  size_t depth;  // 0 in the root
  mode_t type;   // S_IFDIR and its like
  core::Decision decision;
  bool hidden;
  std::string_view note;  // why it is not gone into, of a directory that is; may be empty
};

// All names below root, a directory that was opened, sorted, each directory before what is in it.
// What is hidden is told, and not gone into; nor is a directory that is denied or masked, or
// another mount.
core::Outcome walk_tree(int root, core::Matcher& matcher,
                        const std::function<void(const TreeEntry&)>& visit);

}  // namespace sluice::cli
