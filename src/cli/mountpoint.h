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

// One line of /proc/self/mountinfo.
struct MountLine {
  uint32_t number;  // of the mount, while it is there
  uint32_t parent;  // of the one that it lies on
  std::string path;
  std::string type;
  std::string source;
};
// Reads only /proc: touches no mounted path, so that a view that hangs cannot hang us.
std::vector<MountLine> read_mounts();
// Whether the last of the mounts at path, which is on top, is a view.
bool topmost_is_view(const std::string& path);
// Whether fd (O_PATH) is at a view.
bool is_view(int fd);

// Where a mount is, resolved without touching the last component.
struct Mountpoint {
  os::Fd parent;  // O_PATH
  std::string name;
  std::string path;  // of both, absolute, without links
};
absl::StatusOr<Mountpoint> hold_mountpoint(const std::string& path);

}  // namespace sluice::cli
