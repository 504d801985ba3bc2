#include "os/apart.h"

#include <cap-ng.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstring>

#include "os/ioctl_filter.h"

namespace sluice::os {

bool is_host_root() {
  constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;  // PROC_USER_INIT_INO, include/linux/proc_ns.h
  struct stat stat;
  return ::geteuid() == 0 &&
         (::stat("/proc/self/ns/user", &stat) < 0 || stat.st_ino == kInitialUserNamespace);
}

core::Outcome raise_loopback() {
  auto socket = checked_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.ok()) return socket.failure();
  struct ifreq request {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return checked(::ioctl(socket->get(), SIOCSIFFLAGS, &request));
}

core::Result<pid_t> fork_sibling() {
  struct clone_args arguments {};
  arguments.flags = CLONE_PARENT;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid < 0) return failure();
  return static_cast<pid_t>(pid);
}

core::Outcome end_with_parent() { return checked(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)); }

core::Outcome become_harmless() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return failure();
  capng_setpid(0);  // this process: libcap-ng remembers the one that it was copied from
  capng_clear(CAPNG_SELECT_CAPS);
  return checked(capng_apply(CAPNG_SELECT_CAPS));
}

core::Outcome leave_keyring() {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0 || errno == ENOSYS) return core::Done{};
  return failure();
}

core::Outcome refuse_typing() {
  auto program = ioctl_filter(TIOCSTI, TIOCLINUX, SECCOMP_RET_ERRNO | EPERM);
  const struct sock_fprog filter {program.size(), program.data()};
  return checked(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
}

}  // namespace sluice::os
