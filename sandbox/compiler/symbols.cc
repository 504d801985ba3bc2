#include "sandbox/compiler/symbols.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/kernel_abi.h"
#include "os/kernel_abi_more.h"
#include "sandbox/fds.h"

namespace sluice::sandbox {
namespace {

struct Symbol {
  std::string_view name;
  uint64_t value;
};

#define SYMBOL(name) \
  { #name, static_cast < uint64_t>(name) }

// O_LARGEFILE is missing on purpose: glibc defines it as 0 on x86-64.
constexpr Symbol kSymbols[] = {
    SYMBOL(O_RDONLY),
    SYMBOL(O_WRONLY),
    SYMBOL(O_RDWR),
    SYMBOL(O_ACCMODE),
    SYMBOL(O_APPEND),
    SYMBOL(O_CLOEXEC),
    SYMBOL(O_CREAT),
    SYMBOL(O_DIRECTORY),
    SYMBOL(O_EXCL),
    SYMBOL(O_NOATIME),
    SYMBOL(O_NOCTTY),
    SYMBOL(O_NOFOLLOW),
    SYMBOL(O_NONBLOCK),
    SYMBOL(O_PATH),
    SYMBOL(O_SYNC),
    SYMBOL(O_TMPFILE),
    SYMBOL(O_TRUNC),

    SYMBOL(AT_EACCESS),
    SYMBOL(AT_EMPTY_PATH),
    SYMBOL(AT_FDCWD),
    SYMBOL(AT_NO_AUTOMOUNT),
    SYMBOL(AT_REMOVEDIR),
    SYMBOL(AT_STATX_DONT_SYNC),
    SYMBOL(AT_STATX_FORCE_SYNC),
    SYMBOL(AT_SYMLINK_FOLLOW),
    SYMBOL(AT_SYMLINK_NOFOLLOW),

    SYMBOL(RENAME_NOREPLACE),
    SYMBOL(RENAME_EXCHANGE),
    SYMBOL(R_OK),
    SYMBOL(W_OK),
    SYMBOL(X_OK),
    SYMBOL(F_OK),

    SYMBOL(PROT_NONE),
    SYMBOL(PROT_READ),
    SYMBOL(PROT_WRITE),
    SYMBOL(PROT_EXEC),
    SYMBOL(MAP_SHARED),
    SYMBOL(MAP_PRIVATE),
    SYMBOL(MAP_FIXED),
    SYMBOL(MAP_ANONYMOUS),
    SYMBOL(MAP_NORESERVE),
    SYMBOL(MAP_STACK),
    SYMBOL(MAP_FIXED_NOREPLACE),
    SYMBOL(MADV_DONTNEED),
    SYMBOL(MADV_FREE),
    SYMBOL(MADV_WIPEONFORK),

    SYMBOL(FUTEX_WAIT),
    SYMBOL(FUTEX_WAKE),
    SYMBOL(FUTEX_WAIT_PRIVATE),
    SYMBOL(FUTEX_WAKE_PRIVATE),
    SYMBOL(FUTEX_REQUEUE_PRIVATE),
    SYMBOL(FUTEX_CMP_REQUEUE_PRIVATE),
    SYMBOL(FUTEX_WAIT_BITSET_PRIVATE),
    SYMBOL(FUTEX_WAKE_BITSET_PRIVATE),
    SYMBOL(FUTEX_CLOCK_REALTIME),
    SYMBOL(FUTEX_PRIVATE_FLAG),

    SYMBOL(SEEK_SET),
    SYMBOL(SEEK_CUR),
    SYMBOL(SEEK_END),
    SYMBOL(SEEK_DATA),
    SYMBOL(SEEK_HOLE),

    SYMBOL(S_IFMT),
    SYMBOL(S_IFREG),
    SYMBOL(S_IFDIR),
    SYMBOL(S_IFLNK),
    SYMBOL(S_IFIFO),
    SYMBOL(S_IFSOCK),
    SYMBOL(S_IFBLK),
    SYMBOL(S_IFCHR),
    SYMBOL(S_ISUID),
    SYMBOL(S_ISGID),
    SYMBOL(S_ISVTX),

    SYMBOL(FALLOC_FL_KEEP_SIZE),
    SYMBOL(FALLOC_FL_PUNCH_HOLE),
    SYMBOL(FALLOC_FL_COLLAPSE_RANGE),
    SYMBOL(FALLOC_FL_ZERO_RANGE),
    SYMBOL(FALLOC_FL_INSERT_RANGE),

    SYMBOL(CLOCK_REALTIME),
    SYMBOL(CLOCK_MONOTONIC),
    SYMBOL(CLOCK_BOOTTIME),

    SYMBOL(F_GETFL),
    SYMBOL(F_SETFL),
    SYMBOL(F_GETFD),
    SYMBOL(F_DUPFD_CLOEXEC),
    SYMBOL(KCMP_FILE),

    SYMBOL(AF_UNIX),
    SYMBOL(SOCK_SEQPACKET),
    SYMBOL(SOCK_CLOEXEC),
    SYMBOL(SOCK_NONBLOCK),
    SYMBOL(SOL_SOCKET),
    SYMBOL(SO_PEERCRED),
    SYMBOL(SO_PEERGROUPS),
    SYMBOL(MSG_DONTWAIT),
    SYMBOL(MSG_NOSIGNAL),
    SYMBOL(MSG_CMSG_CLOEXEC),
    SYMBOL(P_PIDFD),
    SYMBOL(P_ALL),
    SYMBOL(P_PID),
    SYMBOL(WEXITED),
    SYMBOL(WNOHANG),
    SYMBOL(WNOWAIT),
    SYMBOL(SIGKILL),
    SYMBOL(EPOLL_CTL_ADD),
    SYMBOL(EPOLL_CTL_DEL),
    SYMBOL(MREMAP_MAYMOVE),

    SYMBOL(FAN_MARK_ADD),
    SYMBOL(FAN_MARK_REMOVE),
    SYMBOL(FAN_MARK_ONLYDIR),
    SYMBOL(FAN_MARK_EVICTABLE),
    SYMBOL(FAN_ATTRIB),
    SYMBOL(FAN_CREATE),
    SYMBOL(FAN_DELETE),
    SYMBOL(FAN_EVENT_ON_CHILD),
    SYMBOL(FAN_MODIFY),
    SYMBOL(FAN_MOVED_FROM),
    SYMBOL(FAN_MOVED_TO),
    SYMBOL(FAN_ONDIR),

    {"FUSE_DEV_IOC_BACKING_OPEN", os::abi::kFuseBackingOpen},
    {"FUSE_DEV_IOC_BACKING_CLOSE", os::abi::kFuseBackingClose},
    {"PIDFD_GET_INFO", os::abi::kPidfdGetInfo},

    SYMBOL(SECCOMP_IOCTL_NOTIF_RECV),
    SYMBOL(SECCOMP_IOCTL_NOTIF_SEND),
    SYMBOL(SECCOMP_IOCTL_NOTIF_ID_VALID),
    {"PIDFD_THREAD", O_EXCL},  // include/uapi/linux/pidfd.h, Linux 6.9

    // The descriptor tables of our processes.
    {"FD_RECORD", kFdRecord},
    {"FD_FUSE", kFdFuse},
    {"FD_ROOT", kFdRoot},
    {"FD_ROOT_RW", kFdRootRw},
    {"FD_WATCH", kFdWatch},
    {"FD_GRANT_RW", kFdGrantRw},
    {"FD_GRANT_RO", kFdGrantRo},
    {"FD_DATA", kFdData},
    {"FD_EVENTS", kFdEvents},
    // The first number above the other descriptors that stay for life, and the highest number there is:
    // the kernel's default fs.nr_open is 2^20. AT_FDCWD and every negative number lie above it.
    {"FD_FREE", kFdEvents + 1},
    {"FD_MAX", (1u << 20) - 1},
};

}  // namespace

std::optional<uint64_t> symbol_value(std::string_view name) {
  for (const Symbol& symbol : kSymbols) {
    if (symbol.name == name) return symbol.value;
  }
  return std::nullopt;
}

}  // namespace sluice::sandbox
