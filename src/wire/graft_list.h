// Grafts in a message. PURE.
#pragma once

#include <vector>

#include "core/grafts.h"
#include "core/result.h"
#include "wire/cursor.h"

namespace sluice::wire {

// Checked with core::valid_grafts; where the message is cut, the reader knows.
core::Result<std::vector<core::Graft>> take_grafts(Reader& reader);

}  // namespace sluice::wire
