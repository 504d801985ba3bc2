// What a worker counts, in a page that it shares with the service. PURE.
//
// The worker writes, others read. A hostile worker can write anything here: these are numbers to
// show. Only that a worker does not answer any more is decided by them, of itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace sluice::wire {

struct Counters {
  static constexpr size_t kOpcodes = 64;
  std::atomic<uint64_t> requests[kOpcodes];  // by FUSE opcode; the last also counts larger ones
  std::atomic<uint64_t> nodes;               // inodes that the kernel knows now
  std::atomic<uint64_t> grants;              // grants held now, idle ones included
  std::atomic<uint64_t> grants_asked;        // opens for which the broker was asked
  std::atomic<uint64_t> grants_kept;         // opens answered with a grant that was still there
  std::atomic<uint64_t> answered;            // requests that the first thread is through with, and signs of life while another is at one
  std::atomic<uint64_t> busy;                // 1 while either is at one, or the first looks for one

  // How long the worker's first thread was at a request, by what it is about: how many took up to so
  // many nanoseconds, and no less than the bound before; the last bucket has the rest.
  static constexpr uint64_t kBounds[] = {10'000,     100'000,     1'000'000,
                                         10'000'000, 100'000'000, 1'000'000'000};
  static constexpr size_t kBuckets = std::size(kBounds) + 1;
  static constexpr size_t kAbout = 6;
  struct Times {
    std::atomic<uint64_t> count[kBuckets];
    std::atomic<uint64_t> nanoseconds;  // together
  };
  Times times[kAbout];

  void took(size_t opcode, uint64_t nanoseconds) {
    Times& of = times[about(opcode)];
    size_t bucket = 0;
    while (bucket < std::size(kBounds) && nanoseconds > kBounds[bucket]) ++bucket;
    of.count[bucket].fetch_add(1, std::memory_order_relaxed);
    of.nanoseconds.fetch_add(nanoseconds, std::memory_order_relaxed);
  }
  static constexpr std::string_view kAboutNames[kAbout] = {"other",     "look-up", "attributes",
                                                           "directory", "open",    "names"};
  // Source of the numbers: include/uapi/linux/fuse.h, enum fuse_opcode.
  static constexpr size_t about(size_t opcode) {
    switch (opcode) {
      case 1: return 1;
      case 3: case 4: case 21: case 22: case 23: case 24: case 34: case 52: return 2;
      case 27: case 28: case 29: case 44: return 3;
      case 14: case 35: case 51: return 4;
      case 6: case 8: case 9: case 10: case 11: case 12: case 13: case 45: return 5;
      default: return 0;
    }
  }
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);
inline constexpr size_t kCounterPage = 4096;
static_assert(sizeof(Counters) <= kCounterPage);

}  // namespace sluice::wire
