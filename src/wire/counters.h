// What a worker counts, in a page that it shares with the service. PURE.
//
// The worker writes, others read. A hostile worker can write anything here: these are numbers to
// show, and nothing is decided by them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice::wire {

struct Counters {
  static constexpr size_t kOpcodes = 64;
  std::atomic<uint64_t> requests[kOpcodes];  // by FUSE opcode; the last also counts larger ones
  std::atomic<uint64_t> nodes;               // inodes that the kernel knows now
  std::atomic<uint64_t> grants;              // grants held now, idle ones included
  std::atomic<uint64_t> grants_asked;        // opens for which the broker was asked
  std::atomic<uint64_t> grants_kept;         // opens answered with a grant that was still there
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);
inline constexpr size_t kCounterPage = 4096;
static_assert(sizeof(Counters) <= kCounterPage);

}  // namespace sluice::wire
