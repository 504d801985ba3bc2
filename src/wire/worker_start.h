// What it takes to start a view's worker, the first time and again after one has ended. PURE.
//
// One memfd, sealed by the set-up process that makes the view. The main process keeps it and hands it back, and can make
// none: whoever takes it over starts no worker as anybody who has no view.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "wire/view_config.h"

namespace sluice::wire {

struct WorkerStart {
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
  ViewConfig config;
  // Of what it is: the number of its connection, 0 where the kernel does not tell it, and the roots of its trees.
  uint32_t connection = 0;
  struct Root {
    uint64_t dev, ino;
    friend bool operator==(const Root&, const Root&) = default;
  };
  std::vector<Root> roots;
};

// How a worker ends that finds itself without its broker: with another one of these the view goes on.
inline constexpr int kExitWithoutBroker = 3;
// How one ends that rests. What asks it to, where the service sends other rules otherwise: no rules are as short.
inline constexpr int kExitResting = 4;
inline constexpr uint8_t kRest[] = {'r', 'e', 's', 't'};
// What a spare worker, which is ready and waits, begins by: the one before it has ended.
inline constexpr uint8_t kBegin[] = {'g', 'o'};

inline constexpr size_t kWorkerStartMost = 512 * 1024;

std::vector<uint8_t> encode_worker_start(const WorkerStart& start);
core::Result<WorkerStart> decode_worker_start(std::span<const uint8_t> bytes);

}  // namespace sluice::wire
