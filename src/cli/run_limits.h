// --only: a root directory that holds what programs need, the view, and what was named.
//
// Two layers. Mounts: what was not put into the new root has no name there, so that neither files nor
// sockets are found. Landlock: where a process of the caller's outside shows another way, it is denied.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "cli/commands.h"
#include "os/path_limits.h"

namespace sluice::cli {

// A directory that --only names.
struct OnlyTree {
  std::string path;  // absolute, without links
  bool read_only;
};
// The words of --only, looked up; of the view itself, nothing. source: the absolute path of the view.
absl::StatusOr<std::vector<OnlyTree>> find_only(const RunOptions& options, const std::string& source);

// In the child, in its mount namespace. Each ends it where it fails, and says why.
class LimitedRoot {
 public:
  // Makes the root directory this process's, with view (a detached mount) over source. proc: a
  // detached one; none: the caller's.
  void enter(const std::vector<OnlyTree>& only, const Source& source, os::Fd view, bool view_read_only,
             os::Fd proc);
  // From now on this process, and what it becomes, has nothing else. Needs no_new_privs.
  void restrict(uint32_t allowed_missing) const;

 private:
  struct Part {
    std::string path;
    os::Fd mount;
    bool write;
    enum { kMayBeCovered, kDevices, kNamed } kind;
  };
  void add(Part part);
  void attach(const Part& part) const;

  os::Fd root_;
  std::vector<Part> parts_;
};

}  // namespace sluice::cli
