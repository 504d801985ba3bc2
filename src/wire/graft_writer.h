// Grafts into a message: wire/graft_list.h takes them out. PURE.
#pragma once

#include <vector>

#include "core/grafts.h"
#include "wire/writer.h"

namespace sluice::wire {

void put_grafts(Writer& writer, const std::vector<core::Graft>& grafts);

}  // namespace sluice::wire
