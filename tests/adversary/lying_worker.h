// A worker that lies to the kernel.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "hostile_worker.h"

namespace sluice::adversary {

// Serves one file of which it says that everybody may write and that it is large, and answers its open
// with backing_id; without one, each read by what the broker has of that grant.
class LyingWorker {
 public:
  LyingWorker(HostileWorker& worker, int backing_id, uint64_t grant = 0)
      : worker_(worker), device_(worker.connection().device.get()), backing_id_(backing_id), grant_(grant) {}
  void serve_until(pid_t client);

 private:
  void answer(const uint8_t* message);
  HostileWorker& worker_;
  int device_, backing_id_;
  uint64_t grant_;
};

// What becomes of an application that writes to a file which the worker says has that backing: true if
// it could. point: an empty directory to mount on.
bool writes_through(HostileWorker& worker, int backing_id, const std::string& point);

// What an application gets that reads at each of the offsets, with a '|' behind each, where the worker has
// the broker answer by that grant.
std::string reads_of_a_part(HostileWorker& worker, uint64_t grant, const std::vector<int64_t>& offsets,
                            const std::string& point);

}  // namespace sluice::adversary
