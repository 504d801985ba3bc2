// What broker and worker decide about themselves at their start.
#pragma once

#include <cstdint>

#include "os/fd.h"

namespace sluice::os {

// First thing in every process that holds or parses something: nobody may trace it or read its
// memory, and it dumps no core.
core::Outcome become_undumpable();

// Acts as effective from now on, and is owned by real, so that processes of the effective uid can neither signal,
// trace nor limit this one (kill(2), prlimit(2): the sender must match the others). Needs CAP_SETUID. Not before
// exec: with no_new_privs, exec drops an effective uid that differs; until here all of them are real.
core::Outcome take_uids(uint32_t real, uint32_t effective);

}  // namespace sluice::os
