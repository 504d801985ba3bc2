// What a worker gives up before it reads the first request.
#pragma once

#include "core/result.h"
#include "wire/view_config.h"

namespace sluice::worker {

// Makes the source tree the root of this process, and leaves it no uid that others have, no
// capability beyond the view's, and no file's contents. Before the first thread: Landlock holds for
// the caller and for what it starts. step: what failed.
core::Outcome confine(const wire::ViewConfig& config, const char** step);

// The last step, on every thread: from here on only what the view's policy lists.
core::Outcome install_policy(const wire::ViewConfig& config);

}  // namespace sluice::worker
