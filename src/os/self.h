// What a process decides about itself.
#pragma once

#include <cstdint>

#include "os/fd.h"

namespace sluice::os {

// First thing in every process that holds or parses something: nobody may trace it or read its
// memory, and it dumps no core.
core::Outcome become_undumpable();

uint32_t most_files();  // the hard RLIMIT_NOFILE
// Service: what may be raised of RLIMIT_NOFILE is.
core::Outcome raise_file_limit();

// Service, first of all: 0 to 2 are open, so that nothing that it opens comes to be what it logs to, or
// what its children have as their standard error.
core::Outcome hold_standard_descriptors();

// Broker and worker. Real and saved uid from now on, so that processes of the effective uid can
// neither signal nor trace this one (kill(2): the sender must match one of the two). Needs
// CAP_SETUID. Not possible before exec: with no_new_privs, exec drops an effective uid that differs.
core::Outcome take_real_uid(uint32_t uid);

// No exec gives this process more than it has (PR_SET_NO_NEW_PRIVS).
core::Outcome refuse_new_privileges();
// Service: closes what its caller left open, but for 0 to 2 and keep (< 0: none).
void close_others(int keep);
// What ps(1) shows; 15 bytes.
void name_process(const char* name);
// Service: its children are reaped by the kernel; or again by itself, whatever it was started with.
void let_children_go();
void keep_children();
// Service: writing to somebody who has gone is an error like others.
void ignore_broken_pipes();

}  // namespace sluice::os
