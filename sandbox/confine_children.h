// What the service gives up for its children: they can have no more than it leaves them.
#pragma once

#include <span>

#include "core/result.h"

namespace sluice::sandbox {

// Empties the bounding set, while SETPCAP is still there. Broker and worker are started with an empty one.
core::Outcome drop_bounding_set();

// The service: leaves `keep` permitted and effective, and in the bounding set, from which its
// children take theirs.
core::Outcome keep_capabilities_for_children(std::span<const int> keep);

}  // namespace sluice::sandbox
