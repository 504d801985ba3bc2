#include "os/mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "os/kernel_abi_more.h"

namespace sluice::os {
namespace {

// Through a descriptor, whatever the path is by now.
std::string path_of_held(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

core::Result<abi::Statmount> look_at_mount(uint64_t unique_id, uint64_t what) {
  abi::MntIdReq request{sizeof(abi::MntIdReq), 0, unique_id, what, 0};
  abi::Statmount answer{};
  if (::syscall(abi::kSysStatmount, &request, &answer, sizeof(answer), 0) < 0) return failure();
  return answer;
}

}  // namespace

core::Result<Fd> clone_tree(int directory, bool read_only) {
  auto tree = checked_fd(::syscall(SYS_open_tree, directory, "",
                                   AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree.ok()) {
    if (tree.failure().error == EINVAL) {
      return core::Failure{EINVAL, core::Reason::kSourceForeignMount};
    }
    return tree.failure();
  }
  struct mount_attr attributes {};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                        abi::kMountAttrNosymfollow | (read_only ? uint64_t{MOUNT_ATTR_RDONLY} : 0);
  attributes.propagation = MS_PRIVATE;
  if (::syscall(SYS_mount_setattr, tree->get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                sizeof(attributes)) < 0) {
    return failure();
  }
  return tree;
}

core::Result<Fd> empty_tree(std::span<const std::string_view> paths) {
  auto context = checked_fd(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC));
  if (!context.ok()) return context;
  const int filesystem = context->get();
  if (::syscall(SYS_fsconfig, filesystem, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
      ::syscall(SYS_fsconfig, filesystem, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
      ::syscall(SYS_fsconfig, filesystem, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    return failure();
  }
  constexpr unsigned kFlags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  auto tree = checked_fd(::syscall(SYS_fsmount, filesystem, FSMOUNT_CLOEXEC, kFlags));
  if (!tree.ok()) return tree;
  for (const std::string_view path : paths) {
    for (size_t end = 0; end != std::string_view::npos;) {
      end = path.find('/', end + 1);
      const std::string part(path.substr(0, end));
      if (::mkdirat(tree->get(), part.c_str(), 0755) < 0 && errno != EEXIST) return failure();
    }
  }
  struct mount_attr attributes {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, tree->get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0) {
    return failure();
  }
  return tree;
}

core::Result<uint64_t> unique_mount_id(int fd) {
  struct statx stat;
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, abi::kStatxMntIdUnique, &stat) < 0) {
    return failure();
  }
  return uint64_t{stat.stx_mnt_id};
}

core::Result<uint64_t> filesystem_magic(int fd) {
  auto mount = unique_mount_id(fd);
  if (!mount.ok()) return mount;
  auto answer = look_at_mount(*mount, abi::kStatmountSbBasic);
  if (answer.ok()) return uint64_t{answer->sb_magic};
  // The mount is not in this namespace.
  if (answer.failure().error == ENOENT) return core::Failure{EINVAL, core::Reason::kSourceForeignMount};
  return answer.failure();
}

core::Result<bool> is_nodev(int fd) {
  auto mount = unique_mount_id(fd);
  if (!mount.ok()) return mount.failure();
  auto answer = look_at_mount(*mount, abi::kStatmountMntBasic);
  if (!answer.ok()) return answer.failure();
  return (answer->mnt_attr & MOUNT_ATTR_NODEV) != 0;
}

core::Result<uint32_t> mount_number(int fd) {
  struct statx stat;
  // Nothing of the file is asked for, so that its filesystem refuses nothing.
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stat) < 0) return failure();
  return static_cast<uint32_t>(stat.stx_mnt_id);
}

core::Result<uint32_t> mount_number_of(uint64_t unique_id) {
  auto mount = look_at_mount(unique_id, abi::kStatmountMntBasic);
  if (!mount.ok()) return mount.failure();
  return uint32_t{mount->mnt_id_old};
}

core::Result<uint64_t> unique_id_of_attached(int fd) {
  auto number = mount_number(fd);
  if (!number.ok()) return number.failure();
  abi::MntIdReq request{sizeof(abi::MntIdReq), 0, abi::kLsmtRoot, 0, 0};
  uint64_t ids[256];
  for (;;) {
    const long count = ::syscall(abi::kSysListmount, &request, ids, sizeof(ids) / sizeof(ids[0]), 0);
    if (count < 0) return failure();
    if (count == 0) return core::Failure{ENOENT, core::Reason::kSystem};
    for (const uint64_t id : std::span(ids).first(static_cast<size_t>(count))) {
      auto each = mount_number_of(id);  // fails where it has gone since
      if (each.ok() && *each == *number) return id;
    }
    request.param = ids[count - 1];
  }
}

core::Outcome attach_mount(int mount, int target) {
  return checked(::syscall(SYS_move_mount, mount, "", target, "",
                           MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}
core::Outcome forbid_programs(int mount) {
  struct mount_attr attributes {};
  attributes.attr_set = MOUNT_ATTR_NOEXEC;
  return checked(::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)));
}

core::Outcome unmount_at(int directory, const char* name, int flags) {
  return checked(::umount2((path_of_held(directory) + "/" + name).c_str(), flags | UMOUNT_NOFOLLOW));
}
core::Outcome unmount_held(int fd, int flags) { return checked(::umount2(path_of_held(fd).c_str(), flags)); }
core::Outcome make_mounts_slaves() {
  return checked(::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr));
}

core::Result<Fd> new_filesystem(const char* type, std::initializer_list<FilesystemOption> options) {
  auto context = checked_fd(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context.ok()) return context;
  for (const FilesystemOption& option : options) {
    if (::fsconfig(context->get(), FSCONFIG_SET_STRING, option.key, option.value, 0) < 0) return failure();
  }
  if (::fsconfig(context->get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return failure();
  const std::string_view name = type;
  return checked_fd(::fsmount(context->get(), FSMOUNT_CLOEXEC,
                              MOUNT_ATTR_NOSUID | (name == "tmpfs" ? 0 : MOUNT_ATTR_NOEXEC) |
                                  (name == "devpts" ? 0 : MOUNT_ATTR_NODEV)));
}
core::Result<Fd> copy_of_mounts(const char* path) {
  return checked_fd(::syscall(SYS_open_tree, AT_FDCWD, path,
                              AT_SYMLINK_NOFOLLOW | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}
core::Outcome make_read_only(int mount, bool with_mounts_below) {
  struct mount_attr attributes {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return checked(::syscall(SYS_mount_setattr, mount, "",
                           AT_EMPTY_PATH | (with_mounts_below ? AT_RECURSIVE : 0), &attributes,
                           sizeof(attributes)));
}
core::Outcome change_root(int root) {
  if (::fchdir(root) < 0) return failure();
  // The old root comes to lie over the new one, and is taken off (pivot_root(2)).
  if (::syscall(SYS_pivot_root, ".", ".") < 0) return failure();
  return checked(::umount2(".", MNT_DETACH));
}

}  // namespace sluice::os
