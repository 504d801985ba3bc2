// Small files in memory that a process was given: what the service tells it, and what it counts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "os/fd.h"

namespace sluice::os {

// Child. Reads it whole; at most `most` bytes (EFBIG).
core::Result<std::vector<uint8_t>> read_sealed_file(int fd, size_t most);

// Maps shared what several write or read, size bytes; nullptr on failure. Stays mapped for the life of the process unless
// unmapped (os/shared_file.h).
void* map_counters(int fd, size_t size, bool writable);

}  // namespace sluice::os
