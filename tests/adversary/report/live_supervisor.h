// A supervisor of the real program, as `sluice exec` starts it, of a server that only waits.
#pragma once

#include <sys/types.h>

#include <string>

#include "os/fd.h"

namespace sluice::adversary {

inline constexpr uint32_t kReportedServer = 61237;

class LiveSupervisor {
 public:
  explicit LiveSupervisor(const std::string& programs);
  ~LiveSupervisor();
  LiveSupervisor(const LiveSupervisor&) = delete;
  LiveSupervisor& operator=(const LiveSupervisor&) = delete;

  pid_t pid() const { return pid_; }  // < 0: it did not come up

 private:
  bool start_server(int channel);

  pid_t pid_ = -1, supervisor_ = -1, server_ = -1;
};

}  // namespace sluice::adversary
