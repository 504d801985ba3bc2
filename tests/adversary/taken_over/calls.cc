// Calls that would let a worker out, or get it a file, a process, code or a channel. Each must end it.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "os/kernel_abi.h"
#include "sandbox/fds.h"
#include "worker.h"

namespace sluice::adversary {
namespace {

using sandbox::kFdFuse;
using sandbox::kFdGrantRw;
using sandbox::kFdRoot;

alignas(64) char zeros[256];
char* const no_strings[] = {nullptr};

// The device's descriptor to the broker: SCM_RIGHTS.
long send_device() {
  struct iovec byte {zeros, 1};
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  struct msghdr message {};
  message.msg_iov = &byte;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  std::memcpy(CMSG_DATA(header), &kFdFuse, sizeof(int));
  return ::syscall(SYS_sendmsg, kFdGrantRw, &message, 0);
}

struct Call {
  std::string_view name;
  long (*make)();
};

constexpr unsigned kWatch = FAN_MARK_ADD | FAN_MARK_ONLYDIR | FAN_MARK_EVICTABLE;

long watch(unsigned flags, uint64_t what, int directory = kFdRoot, const char* name = ".") {
  return ::syscall(SYS_fanotify_mark, sandbox::kFdWatch, flags, what, directory, name);
}

const Call kCalls[] = {
    // processes
    {"fork", [] { return ::syscall(SYS_fork); }},
    {"clone-user", [] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }},
    {"clone3", [] { return ::syscall(SYS_clone3, zeros, sizeof(struct clone_args)); }},
    {"unshare", [] { return ::syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS); }},
    {"setns", [] { return ::syscall(SYS_setns, kFdRoot, 0); }},
    {"execve", [] { return ::syscall(SYS_execve, "/plain", no_strings, no_strings); }},
    {"execveat", [] { return ::syscall(SYS_execveat, kFdRoot, "plain", no_strings, no_strings, 0); }},
    {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_SEIZE, 1, 0, 0); }},
    {"process_vm_readv", [] { return ::syscall(SYS_process_vm_readv, 1, zeros, 1, zeros, 1, 0); }},
    {"process_vm_writev", [] { return ::syscall(SYS_process_vm_writev, 1, zeros, 1, zeros, 1, 0); }},
    {"pidfd_open", [] { return ::syscall(SYS_pidfd_open, 1, 0); }},
    {"pidfd_getfd", [] { return ::syscall(SYS_pidfd_getfd, kFdRoot, 3, 0); }},
    {"kill", [] { return ::syscall(SYS_kill, -1, SIGKILL); }},
    {"tgkill", [] { return ::syscall(SYS_tgkill, 1, 1, 0); }},
    {"setresuid", [] { return ::syscall(SYS_setresuid, 0, 0, 0); }},
    {"capset", [] { return ::syscall(SYS_capset, zeros, zeros); }},
    {"prctl", [] { return ::syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
    {"seccomp", [] { return ::syscall(SYS_seccomp, 1, 0, zeros); }},
    {"rt_sigaction", [] { return ::syscall(SYS_rt_sigaction, SIGSYS, zeros, 0, 8); }},
    // code
    {"mmap-exec", [] { return ::syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
    {"mmap-file", [] { return ::syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, kFdRoot, 0); }},
    {"mmap-fixed", [] { return ::syscall(SYS_mmap, 0x10000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); }},
    {"mprotect-exec", [] { return ::syscall(SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC); }},
    {"pkey_mprotect", [] { return ::syscall(SYS_pkey_mprotect, 0, 4096, PROT_EXEC, -1); }},
    {"memfd_create", [] { return ::syscall(SYS_memfd_create, "x", 0); }},
    {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 0); }},
    {"bpf", [] { return ::syscall(SYS_bpf, BPF_PROG_LOAD, zeros, sizeof(zeros)); }},
    {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, zeros, 0, -1, -1, 0); }},
    {"keyctl", [] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
    {"io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 8, zeros); }},
    {"io_uring_enter", [] { return ::syscall(SYS_io_uring_enter, kFdRoot, 1, 0, 0, 0, 0); }},
    {"io_setup", [] { return ::syscall(SYS_io_setup, 1, zeros); }},
    // channels
    {"socket", [] { return ::syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }},
    {"socketpair", [] { return ::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, zeros); }},
    {"connect", [] { return ::syscall(SYS_connect, kFdGrantRw, zeros, 16); }},
    {"sendmsg-device", send_device},
    {"sendto", [] { return ::syscall(SYS_sendto, kFdGrantRw, zeros, 1, 0, 0, 0); }},
    {"recvmsg", [] { return ::syscall(SYS_recvmsg, kFdGrantRw, zeros, 0); }},
    {"pipe2", [] { return ::syscall(SYS_pipe2, zeros, 0); }},
    {"write-log", [] { return ::syscall(SYS_write, 2, "x\n", 2); }},
    {"pwrite64", [] { return ::syscall(SYS_pwrite64, sandbox::kFdEvents, zeros, 1, 0); }},
    // changes in the source
    {"watch-group", [] { return ::syscall(SYS_fanotify_init, FAN_CLASS_NOTIF, 0); }},
    {"watch-opens", [] { return watch(kWatch, FAN_OPEN | FAN_EVENT_ON_CHILD); }},
    {"watch-permission", [] { return watch(kWatch, FAN_OPEN_PERM); }},
    {"watch-file", [] { return watch(FAN_MARK_ADD | FAN_MARK_EVICTABLE, FAN_MODIFY, kFdRoot, "plain"); }},
    {"watch-pinned", [] { return watch(FAN_MARK_ADD | FAN_MARK_ONLYDIR, FAN_CREATE); }},
    {"watch-mount", [] { return watch(kWatch | FAN_MARK_MOUNT, FAN_MODIFY); }},
    {"watch-filesystem", [] { return watch(kWatch | FAN_MARK_FILESYSTEM, FAN_CREATE); }},
    {"watch-here", [] { return watch(kWatch, FAN_CREATE, AT_FDCWD); }},
    {"watch-flush", [] { return watch(FAN_MARK_FLUSH, 0); }},
    {"watch-inotify", [] { return ::syscall(SYS_inotify_init1, 0); }},
    {"watch-answer", [] { return ::syscall(SYS_write, sandbox::kFdWatch, zeros, 8); }},
    // the device
    {"ioctl-backing-open", [] { return ::syscall(SYS_ioctl, kFdFuse, os::abi::kFuseBackingOpen, zeros); }},
    {"ioctl-backing-close", [] { return ::syscall(SYS_ioctl, kFdFuse, os::abi::kFuseBackingClose, zeros); }},
    {"ioctl-clone", [] { return ::syscall(SYS_ioctl, kFdFuse, 0x8004e500, zeros); }},
    {"ioctl-other", [] { return ::syscall(SYS_ioctl, kFdRoot, FIONREAD, zeros); }},
    {"ioctl-terminal", [] { return ::syscall(SYS_ioctl, 2, 0x5412, "x"); }},
    {"ioctl-all-bits", [] { return ::syscall(SYS_ioctl, ~0ul, ~0ul, ~0ul); }},
    {"dup-device", [] { return ::syscall(SYS_dup, kFdFuse); }},
    {"dup2-device", [] { return ::syscall(SYS_dup2, kFdFuse, 20); }},
    {"dup3-device", [] { return ::syscall(SYS_dup3, kFdFuse, 20, 0); }},
    {"fcntl-dup-device", [] { return ::syscall(SYS_fcntl, kFdFuse, F_DUPFD, 20); }},
    {"close-device", [] { return ::syscall(SYS_close, kFdFuse); }},
    {"close-root", [] { return ::syscall(SYS_close, kFdRoot); }},
    {"close_range", [] { return ::syscall(SYS_close_range, 0, ~0u, 0); }},
    // files
    {"open", [] { return ::syscall(SYS_open, "/plain", O_RDONLY); }},
    {"openat-contents", [] { return ::syscall(SYS_openat, kFdRoot, "plain", O_RDONLY | O_CLOEXEC); }},
    {"openat-write", [] { return ::syscall(SYS_openat, kFdRoot, "plain", O_RDWR | O_CLOEXEC); }},
    {"openat-create", [] { return ::syscall(SYS_openat, kFdRoot, "new", O_CREAT | O_WRONLY, 0666); }},
    {"openat-follow", [] { return ::syscall(SYS_openat, kFdRoot, "link", O_PATH | O_CLOEXEC); }},
    {"openat-here", [] { return ::syscall(SYS_openat, AT_FDCWD, "plain", O_PATH | O_NOFOLLOW | O_CLOEXEC); }},
    {"openat2", [] { return ::syscall(SYS_openat2, kFdRoot, "plain", zeros, 24); }},
    {"open_by_handle_at", [] { return ::syscall(SYS_open_by_handle_at, kFdRoot, zeros, 0); }},
    {"pread", [] { return ::syscall(SYS_pread64, 5, zeros, 1, 0); }},
    {"read-descriptor", [] { return ::syscall(SYS_read, 12, zeros, 1); }},
    {"sendfile", [] { return ::syscall(SYS_sendfile, kFdGrantRw, 5, 0, 1); }},
    {"splice", [] { return ::syscall(SYS_splice, 5, 0, kFdGrantRw, 0, 1, 0); }},
    {"copy_file_range", [] { return ::syscall(SYS_copy_file_range, 5, 0, 12, 0, 1, 0); }},
    {"truncate", [] { return ::syscall(SYS_truncate, "/plain", 0); }},
    {"chroot", [] { return ::syscall(SYS_chroot, "/"); }},
    {"mount", [] { return ::syscall(SYS_mount, 0, "/", 0, MS_REMOUNT, 0); }},
    {"open_tree", [] { return ::syscall(SYS_open_tree, kFdRoot, "", 0x1000); }},
    {"fsopen", [] { return ::syscall(SYS_fsopen, "tmpfs", 0); }},
    {"umount", [] { return ::syscall(SYS_umount2, "/", MNT_DETACH); }},
    {"mknod-device", [] { return ::syscall(SYS_mknodat, kFdRoot, "dev", S_IFCHR | 0666, makedev(1, 3)); }},
    {"mknod-block", [] { return ::syscall(SYS_mknodat, kFdRoot, "dev", S_IFBLK | 0666, makedev(7, 0)); }},
    {"rename", [] { return ::syscall(SYS_renameat2, kFdRoot, "plain", kFdRoot, "x", 0); }},
    {"link", [] { return ::syscall(SYS_linkat, kFdRoot, "plain", kFdRoot, "x", 0); }},
    {"symlink", [] { return ::syscall(SYS_symlinkat, "plain", kFdRoot, "x"); }},
    {"unlink", [] { return ::syscall(SYS_unlinkat, kFdRoot, "plain", 0); }},
    {"rmdir", [] { return ::syscall(SYS_unlinkat, kFdRoot, "dir", AT_REMOVEDIR); }},
    {"rename-whiteout", [] { return ::syscall(SYS_renameat2, kFdRoot, "plain", kFdRoot, "x", 4); }},
    {"link-descriptor", [] { return ::syscall(SYS_linkat, kFdRoot, "", kFdRoot, "x", AT_EMPTY_PATH); }},
    {"link-follow", [] { return ::syscall(SYS_linkat, kFdRoot, "link", kFdRoot, "x", AT_SYMLINK_FOLLOW); }},
};

}  // namespace

void make_forbidden_call(std::string_view name) {
  for (const Call& call : kCalls) {
    if (call.name != name) continue;
    const long result = call.make();
    return say("survived " + std::string(name) + (result < 0 ? " errno " + std::to_string(errno) : ""));
  }
  say("no such call: " + std::string(name));
}

}  // namespace sluice::adversary
