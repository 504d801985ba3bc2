// What a process decides about itself.
#pragma once

#include <cstdint>

#include "os/fd.h"

namespace sluice::os {

// First thing in every process that holds or parses something: nobody may trace it or read its
// memory, and it dumps no core.
core::Outcome become_undumpable();

uint32_t most_files();  // the hard RLIMIT_NOFILE

// Service: writing to somebody who has gone is an error like others.
void ignore_broken_pipes();

}  // namespace sluice::os
