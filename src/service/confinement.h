// What the service's main process gives up once the maker has started.
#pragma once

#include <cstdint>

#include "core/result.h"

namespace sluice::service {

// From here on this process only listens, answers, logs and kills. socket_directory: where it may
// remove its socket, borrowed; < 0: nowhere. kProtectionMissing where the kernel lacks what is not
// in allowed_missing.
core::Outcome confine(int socket_directory, uint32_t allowed_missing);

}  // namespace sluice::service
