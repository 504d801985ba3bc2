// Calls that an attacker inside a confined process would want, written down by hand and without the
// compiler's help: who may make each. Attack 13 of the threat model, on the compiled programs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "generated/release/broker_devices_policy.h"
#include "generated/release/broker_policy.h"
#include "generated/release/foreign_broker_policy.h"
#include "generated/release/worker_ro_policy.h"
#include "generated/release/worker_rw_policy.h"
#include "sandbox/bpf_eval.h"

namespace sluice::sandbox {
namespace {

// kAll: of a view. The broker of another server's connection has no view. One that makes device nodes may do that, and
// what any broker may.
enum Who : unsigned { kNobody = 0, kRo = 1, kRw = 2, kBroker = 4, kWorker = 3, kAll = 7, kForeign = 8, kEach = 15, kDevices = 16 };

struct Attack {
  const char* what;
  unsigned allowed;  // who may
  uint32_t nr;
  std::array<uint64_t, 6> args;
};

constexpr uint64_t kDirty = uint64_t{0xbad} << 32;
constexpr uint64_t kCwd = 0xffffffffffffff9c;
constexpr uint64_t kPath = 0x7f0000001000;
constexpr uint64_t kPlainOpen = O_PATH | O_NOFOLLOW | O_CLOEXEC;
constexpr uint64_t kWatch = FAN_MARK_ADD | FAN_MARK_ONLYDIR | FAN_MARK_EVICTABLE;
constexpr uint64_t kNamesAndFiles = FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_ATTRIB |
                                    FAN_MODIFY | FAN_ONDIR | FAN_EVENT_ON_CHILD;
constexpr uint64_t kDirectoryOpen = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

const Attack kAttacks[] = {
    {"read requests", kWorker, SYS_read, {3, kPath, 8192}},
    {"read requests, dirty register", kWorker, SYS_read, {kDirty | 3, kPath, 8192}},
    {"read a channel", kAll, SYS_read, {6, kPath, 100}},
    {"read an opened file", kNobody, SYS_read, {12, kPath, 100}},
    {"read the root", kNobody, SYS_read, {4, kPath, 100}},
    {"read a number of which only the upper half differs from none", kNobody, SYS_read, {kDirty}},
    {"read other rules", kAll, SYS_read, {9, kPath, 100}},
    {"read a window", kBroker, SYS_pread64, {12, kPath, 100, 0}},
    {"pread of the root", kNobody, SYS_pread64, {4, kPath, 100, 0}},
    {"readv", kNobody, SYS_readv, {3, kPath, 1}},
    {"write a notification, or what a window shows", kAll, SYS_write, {3, kPath, 40}},
    {"write an event", kEach, SYS_write, {9, kPath, 40}},
    {"write a granted file", kNobody, SYS_write, {12, kPath, 40}},
    {"write to stderr", kNobody, SYS_write, {2, kPath, 40}},
    {"reply in pieces", kNobody, SYS_writev, {3, kPath, 2}},

    {"read what has changed", kWorker, SYS_read, {5, kPath, 16384}},
    {"answer a question of the kernel's", kNobody, SYS_write, {5, kPath, 8}},
    {"watch a directory", kWorker, SYS_fanotify_mark, {5, kWatch, kNamesAndFiles, 12, kPath}},
    {"watch names only", kWorker, SYS_fanotify_mark, {5, kWatch, FAN_CREATE | FAN_ONDIR, 12, kPath}},
    {"no longer watch", kWorker, SYS_fanotify_mark, {5, FAN_MARK_REMOVE | FAN_MARK_ONLYDIR, ~0ull, 12, kPath}},
    {"watch by another group", kNobody, SYS_fanotify_mark, {12, kWatch, FAN_CREATE, 12, kPath}},
    {"watch from the working directory", kNobody, SYS_fanotify_mark, {5, kWatch, FAN_CREATE, kCwd, kPath}},
    {"watch a file", kNobody, SYS_fanotify_mark, {5, FAN_MARK_ADD | FAN_MARK_EVICTABLE, FAN_MODIFY, 12, kPath}},
    {"keep inodes in memory", kNobody, SYS_fanotify_mark, {5, FAN_MARK_ADD | FAN_MARK_ONLYDIR, FAN_CREATE, 12, kPath}},
    {"watch a mount", kNobody, SYS_fanotify_mark, {5, kWatch | FAN_MARK_MOUNT, FAN_MODIFY, 12, kPath}},
    {"watch a filesystem", kNobody, SYS_fanotify_mark, {5, kWatch | FAN_MARK_FILESYSTEM, FAN_CREATE, 12, kPath}},
    {"hold up who opens a file", kNobody, SYS_fanotify_mark, {5, kWatch, FAN_OPEN_PERM, 12, kPath}},
    {"see who opens what", kNobody, SYS_fanotify_mark, {5, kWatch, FAN_OPEN | FAN_EVENT_ON_CHILD, 12, kPath}},
    {"see who reads what", kNobody, SYS_fanotify_mark, {5, kWatch, FAN_ACCESS | FAN_EVENT_ON_CHILD, 12, kPath}},
    {"an event of the upper half", kNobody, SYS_fanotify_mark, {5, kWatch, 1ull << 40 | FAN_CREATE, 12, kPath}},
    {"silence others' marks", kNobody, SYS_fanotify_mark, {5, kWatch | FAN_MARK_IGNORED_MASK, FAN_CREATE, 12, kPath}},
    {"another group", kNobody, SYS_fanotify_init, {FAN_CLASS_NOTIF, 0}},

    {"hold a name", kWorker, SYS_openat, {12, kPath, kPlainOpen}},
    {"hold a name, dirty flags", kWorker, SYS_openat, {kDirty | 12, kPath, kDirty | kPlainOpen}},
    {"list a directory", kWorker, SYS_openat, {4, kPath, kDirectoryOpen}},
    {"open a file", kNobody, SYS_openat, {4, kPath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC}},
    {"open a file for writing", kNobody, SYS_openat, {4, kPath, O_RDWR | O_CLOEXEC}},
    {"create a file", kNobody, SYS_openat, {4, kPath, O_CREAT | kPlainOpen}},
    {"hold without NOFOLLOW", kNobody, SYS_openat, {4, kPath, O_PATH | O_CLOEXEC}},
    {"open from the working directory", kNobody, SYS_openat, {kCwd, kPath, kPlainOpen}},
    {"open beneath the device", kNobody, SYS_openat, {3, kPath, kPlainOpen}},
    {"O_TMPFILE", kNobody, SYS_openat, {4, kPath, O_TMPFILE | O_RDWR}},
    {"O_TMPFILE taken for O_PATH", kNobody, SYS_openat, {4, kPath, O_TMPFILE | O_PATH}},
    {"openat2 of the read-only root", kBroker, SYS_openat2, {4, kPath, kPath, 24}},
    {"openat2 of the read-write root", kBroker, SYS_openat2, {5, kPath, kPath, 24}},
    {"openat2 of the working directory", kNobody, SYS_openat2, {kCwd, kPath, kPath, 24}},
    {"openat2 of a graft", kBroker, SYS_openat2, {12, kPath, kPath, 24}},
    {"openat2 of the last graft", kBroker, SYS_openat2, {41, kPath, kPath, 24}},
    {"openat2 of a directory opened so", kBroker, SYS_openat2, {42, kPath, kPath, 24}},
    {"openat2 of a channel", kNobody, SYS_openat2, {6, kPath, kPath, 24}},
    {"openat2 with a longer open_how", kNobody, SYS_openat2, {4, kPath, kPath, 32}},
    {"open", kNobody, SYS_open, {kPath, 0, 0}},
    {"open_by_handle_at", kNobody, SYS_open_by_handle_at, {4, kPath, 0}},

    {"close", kEach, SYS_close, {10}},
    {"close the device", kForeign, SYS_close, {3}},
    {"close a channel", kNobody, SYS_close, {6}},
    {"close the events", kNobody, SYS_close, {9}},
    {"close the device with a dirty register", kForeign, SYS_close, {kDirty | 3}},
    {"dup of a held file", kRw | kBroker, SYS_dup, {12}},
    {"dup of the device", kNobody, SYS_dup, {3}},
    {"dup2 over a channel", kNobody, SYS_dup2, {12, 6}},
    {"dup3 over a channel", kNobody, SYS_dup3, {12, 6, 0}},
    {"F_DUPFD", kNobody, SYS_fcntl, {3, 0, 3}},
    {"close_range", kNobody, SYS_close_range, {0, 100, 0}},

    {"BACKING_OPEN", kBroker | kForeign, SYS_ioctl, {3, 0x4010e501, kPath}},
    {"BACKING_OPEN, dirty command", kBroker | kForeign, SYS_ioctl, {kDirty | 3, kDirty | 0x4010e501, kPath}},
    {"BACKING_CLOSE", kBroker | kForeign, SYS_ioctl, {3, 0x4004e502, kPath}},
    {"FUSE_DEV_IOC_CLONE", kNobody, SYS_ioctl, {3, 0x8004e500, kPath}},
    {"BACKING_OPEN elsewhere", kNobody, SYS_ioctl, {12, 0x4010e501, kPath}},
    {"TIOCSTI", kNobody, SYS_ioctl, {3, 0x5412, kPath}},
    {"FS_IOC_SETFLAGS", kNobody, SYS_ioctl, {12, 0x40086602, kPath}},

    {"malloc", kWorker, SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS}},
    {"executable memory",
     kNobody,
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}},
    {"map a file", kNobody, SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, 12}},
    {"share memory", kNobody, SYS_mmap, {0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS}},
    {"map over code", kNobody, SYS_mmap, {0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}},
    {"mprotect to executable", kNobody, SYS_mprotect, {kPath, 4096, PROT_EXEC}},
    {"mprotect at all", kNobody, SYS_mprotect, {kPath, 4096, PROT_READ}},
    {"pkey_mprotect", kNobody, SYS_pkey_mprotect, {kPath, 4096, PROT_EXEC}},
    {"mremap", kNobody, SYS_mremap, {kPath, 4096, 8192, 1}},
    {"memfd_create", kNobody, SYS_memfd_create, {kPath, 0}},
    {"userfaultfd", kNobody, SYS_userfaultfd, {0}},

    {"a regular file", kRw, SYS_mknodat, {12, kPath, S_IFREG | 0644, 0}},
    {"a regular file, dirty mode", kRw, SYS_mknodat, {12, kPath, 0xabc0000 | S_IFREG, 0}},
    {"a FIFO", kRw, SYS_mknodat, {12, kPath, S_IFIFO | 0644, 0}},
    {"a character device", kDevices, SYS_mknodat, {12, kPath, S_IFCHR | 0666, 0x103}},
    {"a block device", kDevices, SYS_mknodat, {12, kPath, S_IFBLK | 01666, 0x800}},
    {"a block device that there is not", kDevices, SYS_mknodat, {12, kPath, S_IFBLK | 0666, 0}},
    {"a device with a set-ID bit", kNobody, SYS_mknodat, {12, kPath, S_IFCHR | 04755, 0x103}},
    {"a device, and bits that the kernel drops", kDevices, SYS_mknodat, {12, kPath, 0x10000 | S_IFCHR, 0x103}},
    {"a device in the working directory", kNobody, SYS_mknodat, {kCwd, kPath, S_IFCHR | 0666, 0x103}},
    {"a device by a dirty mode", kDevices, SYS_mknodat, {12, kPath, kDirty | S_IFCHR, 0x103}},
    {"a whiteout", kRw | kDevices, SYS_mknodat, {12, kPath, S_IFCHR | 0600, 0}},
    {"a whiteout of which only the upper half is none", kRw | kDevices, SYS_mknodat, {12, kPath, S_IFCHR, kDirty}},
    {"whiteout by rename", kNobody, SYS_renameat2, {12, kPath, 13, kPath, 4}},
    {"rename", kBroker, SYS_renameat2, {12, kPath, 13, kPath, 1}},
    {"rename out of the working directory", kNobody, SYS_renameat2, {kCwd, kPath, 13, kPath, 0}},
    {"link a name", kNobody, SYS_linkat, {12, kPath, 13, kPath, 0}},
    {"link what a link points to", kNobody, SYS_linkat, {12, kPath, 13, kPath, AT_SYMLINK_FOLLOW}},
    {"link what is held", kBroker, SYS_linkat, {12, kPath, 13, kPath, AT_EMPTY_PATH}},
    {"link what a fixed descriptor holds", kNobody, SYS_linkat, {4, kPath, 13, kPath, AT_EMPTY_PATH}},
    {"make a symbolic link", kBroker, SYS_symlinkat, {kPath, 13, kPath}},
    {"make a symbolic link in the working directory", kNobody, SYS_symlinkat, {kPath, kCwd, kPath}},
    {"chmod through a link", kNobody, SYS_fchmodat, {12, kPath, 0777}},
    {"chmod through a link", kNobody, 452, {12, kPath, 0777, 0}},
    {"chmod of a name", kRw, 452, {12, kPath, 0777, AT_SYMLINK_NOFOLLOW}},
    {"chmod of what is held", kRw | kBroker, 452, {12, kPath, 0777, AT_EMPTY_PATH}},
    {"chown through a link", kNobody, SYS_fchownat, {12, kPath, 0, 0, 0}},
    {"chown of a name", kRw, SYS_fchownat, {12, kPath, 1, 1, AT_SYMLINK_NOFOLLOW}},
    {"times through a link", kNobody, SYS_utimensat, {12, kPath, 0, 0}},
    {"xattr through a link", kNobody, 463, {12, kPath, 0, kPath, kPath, 16}},
    {"xattr of a name", kRw, 463, {12, kPath, AT_SYMLINK_NOFOLLOW, kPath, kPath, 16}},
    {"read an xattr", kWorker, 464, {12, kPath, AT_SYMLINK_NOFOLLOW, kPath, kPath, 16}},
    {"unlink", kBroker, SYS_unlinkat, {12, kPath, 0}},
    {"rmdir", kBroker, SYS_unlinkat, {12, kPath, AT_REMOVEDIR}},
    {"stat a descriptor", kEach, SYS_statx, {12, kPath, 0x5000, 0xfff}},
    {"stat with a wait for the server", kNobody, SYS_statx, {12, kPath, 0x3000, 0xfff}},
    {"stat through a link", kNobody, SYS_statx, {12, kPath, 0, 0xfff}},
    {"truncate", kBroker, SYS_ftruncate, {12, 0}},
    {"fsync", kRw | kBroker, SYS_fsync, {12}},
    {"rewind a listing", kWorker, SYS_lseek, {12, 0, SEEK_SET}},
    {"find a hole", kBroker, SYS_lseek, {12, 0, SEEK_HOLE}},
    {"move a position", kNobody, SYS_lseek, {12, 100, SEEK_CUR}},
    {"copy between grants", kBroker, SYS_copy_file_range, {12, 0, 13, 0, 100, 0}},
    {"copy with flags", kNobody, SYS_copy_file_range, {12, 0, 13, 0, 100, 1}},
    {"splice", kNobody, SYS_splice, {12, 0, 6, 0, 100, 0}},
    {"sendfile", kNobody, SYS_sendfile, {6, 12, 0, 100}},

    {"wait on a lock", kEach, SYS_futex, {kPath, FUTEX_WAIT_PRIVATE, 0}},
    {"wait with a deadline", kEach, SYS_futex, {kPath, 0x189, 0}},
    {"a futex in shared memory", kNobody, SYS_futex, {kPath, FUTEX_WAIT, 0}},
    {"requeue with priority inheritance", kNobody, SYS_futex, {kPath, 140, 0}},
    {"the clock", kEach, SYS_clock_gettime, {CLOCK_MONOTONIC, kPath}},
    {"the clock of another process", kNobody, SYS_clock_gettime, {~uint64_t{0x38}, kPath}},

    {"socket", kNobody, SYS_socket, {1, 1, 0}},
    {"sendmsg with a descriptor", kNobody, SYS_sendmsg, {6, kPath, 0}},
    {"recvmsg", kNobody, SYS_recvmsg, {6, kPath, 0}},
    {"take a file of the server", kForeign, SYS_recvmsg, {6, kPath, MSG_CMSG_CLOEXEC}},
    {"take a file to read", kForeign, SYS_recvmsg, {7, kPath, kDirty | MSG_CMSG_CLOEXEC}},
    {"take a file that a program would keep", kNobody, SYS_recvmsg, {7, kPath, MSG_DONTWAIT}},
    {"take a file of the service", kNobody, SYS_recvmsg, {9, kPath, MSG_CMSG_CLOEXEC}},
    {"take a file of a file", kNobody, SYS_recvmsg, {12, kPath, MSG_CMSG_CLOEXEC}},
    {"many messages", kNobody, SYS_recvmmsg, {6, kPath, 2, MSG_CMSG_CLOEXEC, 0}},
    {"what a file is open as", kForeign, SYS_fcntl, {12, F_GETFL}},
    {"what the device is open as", kNobody, SYS_fcntl, {3, F_GETFL}},
    {"another file mode", kNobody, SYS_fcntl, {12, F_SETFL, O_RDWR}},
    {"a signal when a file is written to", kNobody, SYS_fcntl, {12, F_SETOWN, 1}},
    {"a lease", kNobody, SYS_fcntl, {12, F_SETLEASE, F_WRLCK}},
    {"what is said of a mount", kForeign, 457, {kPath, kPath, 512, 0}},
    {"of a mount, with flags", kNobody, 457, {kPath, kPath, 512, 1}},
    {"list mounts", kNobody, 458, {kPath, kPath, 512, 0}},
    {"may it be read and written", kForeign, SYS_faccessat2, {12, kPath, R_OK | W_OK, AT_EACCESS | AT_EMPTY_PATH}},
    {"by the real ids", kNobody, SYS_faccessat2, {12, kPath, R_OK | W_OK, AT_EMPTY_PATH}},
    {"of a name", kNobody, SYS_faccessat2, {12, kPath, R_OK | W_OK, AT_EACCESS}},
    {"of a fixed descriptor, read and written", kNobody, SYS_faccessat2, {4, kPath, R_OK | W_OK, AT_EACCESS | AT_EMPTY_PATH}},
    {"execve", kNobody, SYS_execve, {kPath, kPath, kPath}},
    {"execveat", kNobody, SYS_execveat, {12, kPath, kPath, kPath, AT_EMPTY_PATH}},
    {"clone", kNobody, SYS_clone, {0x11}},
    {"clone3", kNobody, SYS_clone3, {kPath, 88}},
    {"fork", kNobody, SYS_fork, {}},
    {"unshare", kNobody, SYS_unshare, {0x10000000}},
    {"setns", kNobody, SYS_setns, {12, 0}},
    {"mount", kNobody, SYS_mount, {kPath, kPath, kPath, 0, 0}},
    {"move_mount", kNobody, SYS_move_mount, {12, kPath, kCwd, kPath, 4}},
    {"open_tree", kNobody, SYS_open_tree, {4, kPath, 1}},
    {"chroot", kNobody, SYS_chroot, {kPath}},
    {"fchdir", kNobody, SYS_fchdir, {12}},
    {"ptrace", kNobody, SYS_ptrace, {16, 1}},
    {"process_vm_readv", kNobody, SYS_process_vm_readv, {1, kPath, 1, kPath, 1, 0}},
    {"process_vm_writev", kNobody, SYS_process_vm_writev, {1, kPath, 1, kPath, 1, 0}},
    {"pidfd_open", kNobody, SYS_pidfd_open, {1, 0}},
    {"pidfd_getfd", kNobody, SYS_pidfd_getfd, {12, 3, 0}},
    {"kill", kNobody, SYS_kill, {1, 9}},
    {"tgkill", kNobody, SYS_tgkill, {1, 1, 9}},
    {"bpf", kNobody, SYS_bpf, {0, kPath, 100}},
    {"perf_event_open", kNobody, SYS_perf_event_open, {kPath, 0, 0, 0, 0}},
    {"keyctl", kNobody, SYS_keyctl, {0}},
    {"io_uring_setup", kNobody, SYS_io_uring_setup, {8, kPath}},
    {"io_uring_enter", kNobody, SYS_io_uring_enter, {12, 1, 1, 0}},
    {"io_uring_register", kNobody, SYS_io_uring_register, {12, 0, kPath, 1}},
    {"seccomp", kNobody, SYS_seccomp, {1, 0, kPath}},
    {"prctl", kNobody, SYS_prctl, {4, 1}},
    {"prlimit64", kNobody, SYS_prlimit64, {0, 7, kPath, 0}},
    {"setresuid", kNobody, SYS_setresuid, {0, 0, 0}},
    {"capset", kNobody, SYS_capset, {kPath, kPath}},
    {"rt_sigaction", kNobody, SYS_rt_sigaction, {31, kPath, 0, 8}},
    {"rt_sigreturn", kNobody, SYS_rt_sigreturn, {}},
    {"exit of one thread", kNobody, SYS_exit, {0}},
    {"exit", kEach, SYS_exit_group, {0}},
};

bool allowed(const CompiledPolicy& policy, const CallData& call) {
  const BpfVerdict verdict = bpf_evaluate(policy.program, call);
  EXPECT_EQ(verdict.fault, BpfFault::kNone);
  EXPECT_TRUE(verdict.action == kActionAllow || verdict.action == kActionKillProcess);
  return verdict.action == kActionAllow;
}

TEST(Attack, OnlyTheListedDoesNotKill) {
  const std::pair<const CompiledPolicy&, unsigned> policies[] = {
      {kWorkerRoPolicy, kRo}, {kWorkerRwPolicy, kRw}, {kBrokerPolicy, kBroker},
      {kBrokerDevicesPolicy, kBroker | kDevices},
      {kForeignBrokerPolicy, kForeign}};
  for (const Attack& attack : kAttacks) {
    for (const auto& [policy, who] : policies) {
      CallData call{attack.nr, kArchX86_64, 0, attack.args};
      EXPECT_EQ(allowed(policy, call), (attack.allowed & who) != 0)
          << policy.name << ": " << attack.what;
      call.arch = kArchI386;
      EXPECT_FALSE(allowed(policy, call)) << policy.name << ", i386: " << attack.what;
      call.arch = kArchX86_64;
      call.nr |= kX32Bit;
      EXPECT_FALSE(allowed(policy, call)) << policy.name << ", x32: " << attack.what;
    }
  }
}

}  // namespace
}  // namespace sluice::sandbox
