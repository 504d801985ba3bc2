// What sets a program apart from the other processes of its user, beside files and namespaces.
#pragma once

#include <sys/types.h>

#include "os/fd.h"

namespace sluice::os {

// In the initial user namespace with uid 0: what the rest of the host calls root. A process that is
// root in a user namespace of its own is an ordinary user to everybody else.
bool is_host_root();

// Command, in a network namespace of its own: 127.0.0.1 and ::1 work.
core::Outcome raise_loopback();

// A copy of this process that is a child of this one's parent: the first of a process namespace that
// was unshared is waited for by who started all this. 0: in the copy.
core::Result<pid_t> fork_sibling();
// This process is killed when its parent ends.
core::Outcome end_with_parent();
// Gives up every capability, in this process, which nobody may trace.
core::Outcome become_harmless();

// A new session keyring, so that keys of the caller's session cannot be read.
core::Outcome leave_keyring();
// From now on nothing can be put into a terminal's input as if it had been typed there (TIOCSTI,
// TIOCLINUX): the shell on the terminal would run it. A seccomp filter; needs no_new_privs.
core::Outcome refuse_typing();

}  // namespace sluice::os
