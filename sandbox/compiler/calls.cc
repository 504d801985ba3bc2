#include "sandbox/compiler/calls.h"

namespace sluice::sandbox {
namespace {

// From SYSCALL_DEFINEn in the kernel's sources; the wrapper cuts each register to the declared
// type. Two exceptions: readv and writev declare the fd unsigned long and hand it to fdget_pos(),
// mmap likewise to fget(): both take unsigned int, so the upper half is ignored there too.
constexpr CallInfo kCalls[] = {
    {"read", "ipl"},
    {"write", "ipl"},
    {"close", "i"},
    {"fstat", "ip"},
    {"poll", "pii"},
    {"lseek", "ili"},
    {"mmap", "llllil"},
    {"mprotect", "lll"},
    {"munmap", "ll"},
    {"brk", "l"},
    {"rt_sigaction", "ippl"},
    {"rt_sigprocmask", "ippl"},
    {"rt_sigreturn", ""},
    {"ioctl", "iil"},
    {"pread64", "ipll"},
    {"pwrite64", "ipll"},
    {"readv", "ipl"},
    {"writev", "ipl"},
    {"sched_yield", ""},
    {"mremap", "lllll"},
    {"madvise", "lli"},
    {"dup", "i"},
    {"nanosleep", "pp"},
    {"getpid", ""},
    {"sendfile", "iipl"},
    {"socket", "iii"},
    {"connect", "ipi"},
    {"sendto", "iplipi"},
    {"recvfrom", "iplipp"},
    {"sendmsg", "ipi"},
    {"recvmsg", "ipi"},
    {"shutdown", "ii"},
    {"socketpair", "iiip"},
    {"accept4", "ippi"},
    {"getsockopt", "iiipp"},
    {"waitid", "iipip"},
    {"pidfd_send_signal", "iipi"},
    {"pidfd_open", "ii"},
    {"pidfd_getfd", "iii"},
    {"process_vm_readv", "iplpll"},
    {"kcmp", "iiill"},
    {"clone", "llppl"},
    {"clone3", "pl"},
    {"execve", "ppp"},
    {"execveat", "ipppi"},
    {"exit", "i"},
    {"kill", "ii"},
    {"uname", "p"},
    {"fcntl", "iil"},
    {"flock", "ii"},
    {"fsync", "i"},
    {"fdatasync", "i"},
    {"ftruncate", "il"},
    {"fchmod", "im"},
    {"fchown", "iii"},
    {"umask", "i"},
    {"gettimeofday", "pp"},
    {"getuid", ""},
    {"getgid", ""},
    {"geteuid", ""},
    {"getegid", ""},
    {"getppid", ""},
    {"fstatfs", "ip"},
    {"getpriority", "ii"},
    {"prctl", "illll"},
    {"sigaltstack", "pp"},
    {"arch_prctl", "il"},
    {"gettid", ""},
    {"futex", "piippi"},
    {"sched_setaffinity", "iip"},
    {"sched_getaffinity", "iip"},
    {"getdents64", "ipi"},
    {"restart_syscall", ""},
    {"fadvise64", "illi"},
    {"clock_gettime", "ip"},
    {"clock_nanosleep", "iipp"},
    {"exit_group", "i"},
    {"epoll_wait", "ipii"},
    {"epoll_ctl", "iiip"},
    {"tgkill", "iii"},
    {"open", "pim"},
    {"readlink", "ppi"},
    {"openat", "ipim"},
    {"mkdirat", "ipm"},
    {"mknodat", "ipmi"},
    {"fchownat", "ipiii"},
    {"newfstatat", "ippi"},
    {"unlinkat", "ipi"},
    {"renameat", "ipip"},
    {"linkat", "ipipi"},
    {"symlinkat", "pip"},
    {"readlinkat", "ippi"},
    {"fchmodat", "ipm"},
    {"faccessat", "ipi"},
    {"ppoll", "pippl"},
    {"set_robust_list", "pl"},
    {"utimensat", "ippi"},
    {"epoll_pwait", "ipiipl"},
    {"fallocate", "iill"},
    {"fanotify_mark", "iilip"},
    {"eventfd2", "ii"},
    {"dup3", "iii"},
    {"pipe2", "pi"},
    {"prlimit64", "iipp"},
    {"syncfs", "i"},
    {"renameat2", "ipipi"},
    {"seccomp", "iip"},
    {"getrandom", "pli"},
    {"memfd_create", "pi"},
    {"membarrier", "iii"},
    {"copy_file_range", "ipipli"},
    {"statx", "ipiip"},
    {"rseq", "piii"},
    {"close_range", "iii"},
    {"openat2", "ippl"},
    {"faccessat2", "ipii"},
    {"fchmodat2", "ipmi"},
    {"setxattrat", "ipippl"},
    {"getxattrat", "ipippl"},
    {"listxattrat", "ipipl"},
    {"removexattrat", "ipip"},
    {"statmount", "ppli"},
    {"listmount", "ppli"},
};

}  // namespace

const CallInfo* find_call_info(std::string_view name) {
  for (const CallInfo& call : kCalls) {
    if (call.name == name) return &call;
  }
  return nullptr;
}

uint64_t width_mask(char letter) {
  switch (letter) {
    case 'i':
      return 0xffffffff;
    case 'm':
      return 0xffff;
    default:
      return ~uint64_t{0};
  }
}

}  // namespace sluice::sandbox
