// What broker and worker decide about themselves at their start.
#pragma once

#include <cstdint>

#include "os/fd.h"

namespace sluice::os {

// First thing in every process that holds or parses something: nobody may trace it or read its
// memory, and it dumps no core.
core::Outcome become_undumpable();

// Real and saved uid from now on, so that processes of the effective uid can neither signal nor trace
// this one (kill(2): the sender must match one of the two). Needs CAP_SETUID. Not possible before
// exec: with no_new_privs, exec drops an effective uid that differs.
core::Outcome take_real_uid(uint32_t uid);

}  // namespace sluice::os
