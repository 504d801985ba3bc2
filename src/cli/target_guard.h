// Takes the view of `sluice mount` off its target: when it is over, or when the command is killed.
#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <cstdint>
#include <utility>

#include "cli/mountpoint.h"
#include "os/fd.h"

namespace sluice::cli {

class TargetGuard {
 public:
  // Starts a process that outlives this one, should nobody ask it to end. target: borrowed; the mount on
  // it, by the number that the kernel gives to no other.
  static absl::StatusOr<TargetGuard> start(const Target& target, uint64_t mount_id);

  // Takes that mount off, and nothing else that may be there by now. Whether it was there. Ends the process.
  bool take_off();

 private:
  TargetGuard(int target, uint64_t mount_id, os::Fd alive, pid_t process)
      : target_(target), mount_id_(mount_id), alive_(std::move(alive)), process_(process) {}
  int target_;
  uint64_t mount_id_;
  os::Fd alive_;  // closed by the kernel when this process is killed
  pid_t process_;
};

}  // namespace sluice::cli
