// Numbers that nobody guesses.
#pragma once

#include <cstdint>

#include "os/fd.h"

namespace sluice::os {

// Not for a confined process.
core::Result<uint64_t> random_number();

}  // namespace sluice::os
