// Private copies of a source tree, and being at home in one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "os/fd.h"

namespace sluice::os {

// Service. A detached copy of the tree at directory (O_PATH, borrowed), with everything mounted
// below it, so that nothing comes to light that a mount covers; nosuid, nodev, noexec, no symlink is
// followed, and read-only if asked. Linux 5.14. kSourceForeignMount where the directory is not in
// from this mount namespace.
core::Result<Fd> clone_tree(int directory, bool read_only);

// Service. A detached read-only tree of directories, everybody's to look at; paths: valid and relative.
core::Result<Fd> empty_tree(std::span<const std::string_view> paths);

// Service. The magic number of the filesystem that holds what fd is at, from the mount and not from
// the filesystem, which may be hostile and never answer (statmount, Linux 6.8).
core::Result<uint64_t> filesystem_magic(int fd);
// Service. Whether a device node that is reached by the mount that fd is at opens no device; from the mount, too.
core::Result<bool> is_nodev(int fd);

// The number of the mount that fd is at; the kernel never gives it to another (Linux 6.8). It asks the
// filesystem, which may not let this process look.
core::Result<uint64_t> unique_mount_id(int fd);

// Command. The same of a mount that is attached in this mount namespace, without asking its filesystem.
core::Result<uint64_t> unique_id_of_attached(int fd);
// What /proc/self/mountinfo calls the mount that fd is at: no other, while fd is held.
core::Result<uint32_t> mount_number(int fd);
// The same of a mount by the number that the kernel never uses twice; ENOENT where it is not attached here.
core::Result<uint32_t> mount_number_of(uint64_t unique_id);

// Command: attaches a detached mount on what target (O_PATH directory) holds.
core::Outcome attach_mount(int mount, int target);
// Command: no file of a detached mount can be executed.
core::Outcome forbid_programs(int mount);
// Command: takes off the topmost mount that is at name in directory. flags: 0, MNT_DETACH, MNT_FORCE.
core::Outcome unmount_at(int directory, const char* name, int flags);
// The same of what lies over what fd (O_PATH) holds, or of the mount itself that fd is at the root of, by
// whatever name it can be found now. Of the latter with MNT_DETACH only: fd keeps it in use.
core::Outcome unmount_held(int fd, int flags);
// Command, in a mount namespace of its own: nothing that happens here goes elsewhere, and what is
// unmounted outside goes away here too: this namespace holds nobody's mount.
core::Outcome make_mounts_slaves();

// Command: what it makes a root directory of. Each is a detached mount, for attach_mount().
// A new, empty filesystem of a type (tmpfs, devpts, proc), without what it has no use for of
// set-user-ID, devices and programs.
struct FilesystemOption {
  const char* key;
  const char* value;
};
core::Result<Fd> new_filesystem(const char* type, std::initializer_list<FilesystemOption> options);
// What path holds (a directory, with everything mounted below it, or a file), no link at its end.
core::Result<Fd> copy_of_mounts(const char* path);
core::Outcome make_read_only(int mount, bool with_mounts_below);
// root (where something is mounted) becomes the root and the working directory; the old root is gone
// from this mount namespace.
core::Outcome change_root(int root);

}  // namespace sluice::os
