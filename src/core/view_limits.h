// The limits that a broker reads, and what is made of the same files: of all that it links, there is to be little. PURE.
//
// Everybody else has them with the others, as core::Limits.
#pragma once

#include <cstdint>

namespace sluice::core {

struct ViewLimits {
  // Grants of one connection: each holds up to two descriptors in the broker and kernel memory that
  // no cgroup counts. The broker lowers it to a third of its RLIMIT_NOFILE.
  static constexpr uint32_t kGrantsPerView = 16384;
  // Real uids of brokers and workers, one a view, in a range that no allocator of ids hands out
  // (systemd's UIDS-GIDS.md: unused below 2^31).
  static constexpr uint32_t kFirstPrivateUid = 0x7E000000;
  static constexpr uint32_t kPrivateUids = 65536;
  // A path below a view's root. Twice what a call takes: who is in a directory names what is further below by such a one.
  static constexpr uint32_t kPathBytes = 8191;
  // Any other path, and what a symbolic link says: PATH_MAX without its NUL.
  static constexpr uint32_t kHostPathBytes = 4095;
  // Log lines of one view in a second; the rest are counted.
  static constexpr uint32_t kLogLinesPerSecond = 20;
  // Coherence that may be asked for: how long the kernel may keep names and attributes.
  static constexpr uint32_t kCoherenceMillisecondsMost = 86400000;
};

}  // namespace sluice::core
