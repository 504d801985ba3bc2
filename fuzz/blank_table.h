// Memory in which a worker writes what it leaves to the one after it: nobody has written there yet.
#pragma once

#include <sys/mman.h>

#include <span>

#include "fuzz/target.h"
#include "wire/node_record.h"

namespace sluice::fuzz {

class BlankTable {
 public:
  BlankTable()
      : bytes_(static_cast<uint8_t*>(::mmap(nullptr, wire::kTableBytes, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    FUZZ_HOLDS(static_cast<void*>(bytes_) != MAP_FAILED);
  }
  BlankTable(const BlankTable&) = delete;
  ~BlankTable() { ::munmap(bytes_, wire::kTableBytes); }
  std::span<uint8_t> bytes() { return {bytes_, wire::kTableBytes}; }

 private:
  uint8_t* const bytes_;
};

}  // namespace sluice::fuzz
