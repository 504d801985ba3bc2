// What the service writes for broker and worker: wire/view_config.h takes it apart. PURE.
#pragma once

#include <cstdint>
#include <vector>

#include "wire/view_config.h"

namespace sluice::wire {

std::vector<uint8_t> encode_view_config(const ViewConfig& config);

}  // namespace sluice::wire
