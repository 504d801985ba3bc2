// Where a view is attached.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/view_options.h"
#include "os/fd.h"

namespace sluice::cli {

struct Target {
  os::Fd fd;         // O_PATH, what is there before the view
  std::string path;  // absolute, without links
};
// A directory, not mounted on, neither the source nor inside it.
absl::StatusOr<Target> open_target(const std::string& path, const Source& source);

// The kernel's own number of the mount that fd is at; never used twice (Linux 6.8).
uint64_t mount_id_of(int fd);

// One line of /proc/self/mountinfo.
struct MountLine {
  std::string path;
  std::string type;
  std::string source;
};
// Reads only /proc: touches no mounted path, so that a view that hangs cannot hang us.
std::vector<MountLine> read_mounts();
// The absolute path of a mount point, resolved without touching its last component.
absl::StatusOr<std::string> resolve_mountpoint(const std::string& path);

}  // namespace sluice::cli
