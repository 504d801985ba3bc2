// What the service's processes decide about themselves.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "os/self.h"

namespace sluice::os {

uint32_t most_files();  // the hard RLIMIT_NOFILE
// What may be raised of RLIMIT_NOFILE is.
core::Outcome raise_file_limit();
// Set-up process. To whom the kernel counts what this process sends and has from now on; the other uids stay. Needs SETUID.
core::Outcome set_real_uid(uid_t uid);

// First of all: 0 to 2 are open, so that nothing that it opens comes to be what it logs to, or what its
// children have as their standard error.
core::Outcome hold_standard_descriptors();

// Maker, before it starts anybody: network, IPC and host name namespaces with nothing in them, for itself and for what it
// starts. Needs CAP_SYS_ADMIN. ENOSPC: the host allows no more of them (user.max_net_namespaces and others, namespaces(7)).
core::Outcome leave_host_namespaces();
// No exec gives this process more than it has (PR_SET_NO_NEW_PRIVS).
core::Outcome refuse_new_privileges();
// Closes what its caller left open, but for 0 to 2 and `count` from keep on (< 0: none).
void close_others(int keep, int count = 1);
// So that no filesystem is kept busy by it.
core::Outcome leave_working_directory();
// Its children are reaped by the kernel; or again by itself, whatever it was started with.
void let_children_go();
void keep_children();
// Writing to somebody who has gone is an error like others.
void ignore_broken_pipes();

}  // namespace sluice::os
