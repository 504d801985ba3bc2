// mount.sluice: the program that mount(8) starts for `mount -t sluice`, for lines of /etc/fstab and for
// mount units. It is the command by another name, so that both find the service and the ready
// policies beside the one program.
#pragma once

namespace sluice::cli {

// Whether argv[0] is a name that mount(8) looks for: mount.sluice, or mount.fuse.sluice.
bool is_mount_helper(const char* program);

// Returns the exit status that mount(8) expects.
int mount_helper(int argc, char** argv);

}  // namespace sluice::cli
