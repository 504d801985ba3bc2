// The same aims without the filter: what the other layers of the confinement stop by themselves.
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "os/kernel_abi.h"
#include "sandbox/fds.h"
#include "worker.h"

namespace sluice::adversary {
namespace {

using sandbox::kFdFuse;
using sandbox::kFdRoot;

const gid_t kSomebody = 20002;  // neither the view's user nor one of its processes'

void tell(std::string_view what, long result) { say_result(what, result < 0 ? -errno : result); }

long all_capabilities() {
  struct __user_cap_header_struct header {
    _LINUX_CAPABILITY_VERSION_3, 0
  };
  struct __user_cap_data_struct data[2] = {{~0u, ~0u, 0}, {0xff, 0xff, 0}};
  return ::syscall(SYS_capset, &header, data);
}

// To whoever executes the file.
long give_capabilities(const char* path) {
  const struct vfs_cap_data all {
    VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, { {~0u, 0}, {0xff, 0} }
  };
  return ::lsetxattr(path, "security.capability", &all, sizeof(all), 0);
}

long connect_somewhere() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address {};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  address.sin_addr.s_addr = htonl(0x08080808);
  return ::connect(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof(address));
}

}  // namespace

void try_without_filter() {
  // Landlock
  tell("read-contents", ::openat(kFdRoot, "plain", O_RDONLY | O_CLOEXEC));
  tell("read-others", ::openat(kFdRoot, "others", O_RDONLY | O_CLOEXEC));
  tell("write-contents", ::openat(kFdRoot, "plain", O_WRONLY | O_CLOEXEC));
  tell("create-and-write", ::openat(kFdRoot, "created", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  tell("rename", ::renameat(kFdRoot, "plain", kFdRoot, "renamed"));
  tell("symlink", ::symlinkat("plain", kFdRoot, "pointing"));
  tell("unlink", ::unlinkat(kFdRoot, "plain", 0));
  tell("rmdir", ::unlinkat(kFdRoot, "dir", AT_REMOVEDIR));
  tell("link-to-elsewhere", ::linkat(kFdRoot, "plain", kFdRoot, "dir/linked", 0));
  char* const none[] = {nullptr};
  tell("exec", ::execve("/plain", none, none));
  // No capability, or none but those over owners and modes
  const os::abi::FuseBackingMap map{kFdRoot, 0, 0};
  const uint32_t id = 1;
  tell("backing-open", ::ioctl(kFdFuse, os::abi::kFuseBackingOpen, &map));
  tell("backing-close", ::ioctl(kFdFuse, os::abi::kFuseBackingClose, &id));
  tell("become-root", ::setresuid(0, 0, 0));
  tell("become-other", ::setresuid(kSomebody, kSomebody, kSomebody));
  tell("take-groups", ::setgroups(1, &kSomebody));
  tell("capset", all_capabilities());
  tell("mount", ::mount("x", "/dir", "tmpfs", 0, nullptr));
  tell("remount", ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  tell("chroot", ::chroot("/"));
  tell("trusted-xattr", ::lsetxattr("/plain", "trusted.mark", "x", 1, 0));
  tell("file-capability", give_capabilities("/plain"));
  const int group = ::fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_CLOEXEC, O_RDONLY);
  tell("watch-filesystem", ::fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_CREATE, kFdRoot, "."));
  tell("watch-mount", ::fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_MODIFY, kFdRoot, "."));
  tell("watch-permission", ::fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, kFdRoot, "."));
  tell("mknod-device", ::mknodat(kFdRoot, "device", S_IFCHR | 0666, makedev(1, 3)));
  tell("mknod-block", ::mknodat(kFdRoot, "device", S_IFBLK | 0666, makedev(7, 0)));
  // Namespaces: its own processes and network, and a tree without devices and /proc
  tell("device-again", ::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  tell("others-in-proc", ::open("/proc/1/mem", O_RDONLY | O_CLOEXEC));
  tell("kill-service", ::kill(2, 0));
  tell("trace-other", ::ptrace(PTRACE_SEIZE, 2, 0, 0));
  tell("network", connect_somewhere());
  say("tried");
}

}  // namespace sluice::adversary
