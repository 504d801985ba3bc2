#include "os/service_self.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::os {

uint32_t most_files() {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<uint32_t>(std::min<rlim_t>(limit.rlim_max, 1u << 20));
}

core::Outcome raise_file_limit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return failure();
  limit.rlim_cur = limit.rlim_max;
  return checked(::setrlimit(RLIMIT_NOFILE, &limit));
}

core::Outcome set_real_uid(uid_t uid) {
  constexpr uid_t kUnchanged = static_cast<uid_t>(-1);
  return checked(::setresuid(uid, kUnchanged, kUnchanged));
}

core::Outcome hold_standard_descriptors() {
  for (;;) {
    const int fd = ::open("/dev/null", O_RDWR);  // not close-on-exec
    if (fd < 0) return failure();
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return core::Done{};
  }
}

core::Outcome leave_host_namespaces() { return checked(::unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)); }
core::Outcome refuse_new_privileges() { return checked(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }
void close_others(int keep, int count) {
  if (keep < 3) {
    ::close_range(3, ~0u, 0);
    return;
  }
  if (keep > 3) ::close_range(3, static_cast<unsigned>(keep) - 1, 0);
  ::close_range(static_cast<unsigned>(keep + count), ~0u, 0);
}
core::Outcome leave_working_directory() { return checked(::chdir("/")); }
void let_children_go() { ::signal(SIGCHLD, SIG_IGN); }
void keep_children() { ::signal(SIGCHLD, SIG_DFL); }
void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

}  // namespace sluice::os
