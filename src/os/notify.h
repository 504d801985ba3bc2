// Seccomp user notification of the two ioctls that grant passthrough: the kernel asks a supervisor instead.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <span>

#include "os/fd.h"

namespace sluice::os {

// ---- Command, in the process that becomes the server ----

// Asks of ioctl(BACKING_OPEN) and ioctl(BACKING_CLOSE), by the lower half of the request, on every ABI; allows all
// else.
std::span<const struct sock_filter> notification_program();
// Its listener. A call that was taken up is waited for until its answer, or the caller's death: a signal does not
// begin it anew (Linux 5.19). Needs no_new_privs or CAP_SYS_ADMIN. EBUSY: there is a listener already.
core::Result<Fd> install_notification();
// What the Yama module would deny a process that is no ancestor.
void let_trace_me(pid_t process);
// Whether this process may install a filter, and mount, without giving up privileges: in its user namespace.
bool has_namespace_admin();
// What this process may do in its user namespace, the programs that it executes may, whatever their uid.
core::Outcome keep_capabilities_over_exec();

// ---- Supervisor ----

// Whether it may look into processes of its user namespace that have capabilities.
bool may_trace_namespace();

struct Notification {
  uint64_t id;
  pid_t thread;      // of the caller, in this process's namespace; 0: not in it
  int device;        // its first argument
  bool opens;        // BACKING_OPEN; else BACKING_CLOSE
  uint64_t address;  // its last
};
// ENOENT: the caller is gone, or nobody calls any more.
core::Result<Notification> next_notification(int listener);
// Whether the caller still waits: what was looked up of its thread before this was the caller's.
bool still_waits(int listener, uint64_t id);
// The call returns value, or -1 with error. ENOENT: the caller is gone, and does not know of it.
core::Outcome answer_call(int listener, uint64_t id, int value, int error);
// The call goes on as if nobody had asked, with the caller's own permissions.
core::Outcome let_call_go_on(int listener, uint64_t id);

}  // namespace sluice::os
