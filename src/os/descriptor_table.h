// A thread with descriptors of its own.
#pragma once

#include "core/result.h"

namespace sluice::os {

// For the calling thread: a table of its own, in which nothing is open above `last` (close_range, Linux
// 5.9). What else the process has open is closed when its other threads end, whatever this one waits for.
core::Outcome keep_descriptors_up_to(int last);

}  // namespace sluice::os
