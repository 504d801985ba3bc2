// Small files in memory, for what the service tells its children and what they count.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "os/fd.h"

namespace sluice::os {

// Service. Sealed against every change.
core::Result<Fd> sealed_file(const char* name, std::span<const uint8_t> content);
// Child. Reads it whole; at most `most` bytes (EFBIG).
core::Result<std::vector<uint8_t>> read_sealed_file(int fd, size_t most);

// Service. size bytes, all zero, sealed against another size.
core::Result<Fd> counter_file(const char* name, size_t size);
// Maps it shared; nullptr on failure. Stays mapped for the life of the process unless unmapped.
void* map_counters(int fd, size_t size, bool writable);
void unmap_counters(void* address, size_t size);

}  // namespace sluice::os
