// What a view is made of, so that none of it can be put together with another's.
#pragma once

#include <span>

#include "core/result.h"
#include "wire/worker_start.h"

namespace sluice::service {

// Set-up process that makes the view. All borrowed; trees: O_PATH, of the source and of each graft.
core::Outcome note_parts(wire::WorkerStart& start, int device, std::span<const int> trees);
// Set-up process that starts others of its processes, of what the main process handed it: kNotPermitted where the connection or a
// tree is not the one that was noted. Linux before 6.16 does not say which connection a device serves: there only the trees count.
core::Outcome check_parts(const wire::WorkerStart& start, int device, std::span<const int> trees);

}  // namespace sluice::service
