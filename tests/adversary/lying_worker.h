// A worker that lies to the kernel.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "hostile_worker.h"

namespace sluice::adversary {

// Serves one file of which it says that everybody may write, and answers its open with backing_id.
class LyingWorker {
 public:
  LyingWorker(int device, int backing_id) : device_(device), backing_id_(backing_id) {}
  void serve_until(pid_t client);

 private:
  void answer(const uint8_t* message);
  int device_, backing_id_;
};

// What becomes of an application that writes to a file which the worker says has that backing: true if
// it could. point: an empty directory to mount on.
bool writes_through(HostileWorker& worker, int backing_id, const std::string& point);

}  // namespace sluice::adversary
