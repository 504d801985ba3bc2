// Files in memory that the service makes for its children: what it tells them, and what they write for it or for who
// comes after them.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "os/fd.h"

namespace sluice::os {

// Service. Sealed against every change.
core::Result<Fd> sealed_file(const char* name, std::span<const uint8_t> content);

// Service. The ends of a pipe that holds so many bytes, to read and to write; writing never waits, whatever
// who reads does with its end.
core::Result<std::pair<Fd, Fd>> record_pipe(size_t size);

// Worker.
bool is_pipe(int fd);

// Service. size bytes, all zero, sealed against another size.
core::Result<Fd> counter_file(const char* name, size_t size);
// Service. Of what os/memory_file.h has mapped.
void unmap_counters(void* address, size_t size);

}  // namespace sluice::os
