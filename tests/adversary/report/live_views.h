// A service with its views, of the real programs, for as long as this lives.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "os/fd.h"

namespace sluice::adversary {

inline constexpr uint32_t kReportedUser = 61236;

struct LiveProcess {
  std::string name;
  pid_t pid;
};

class LiveViews {
 public:
  // programs: the directory with sluiced and its two beside it. preserve: one read-write view that
  // keeps every owner; else a read-only and a read-write one of a user.
  LiveViews(const std::string& programs, bool preserve);
  ~LiveViews();
  LiveViews(const LiveViews&) = delete;
  LiveViews& operator=(const LiveViews&) = delete;

  // Service, maker, and broker and worker of each view; with preserve the service itself is left
  // out, which the option does not change. Empty where something did not come up,
  // which problem() then says.
  const std::vector<LiveProcess>& processes() const { return processes_; }
  const std::string& problem() const { return problem_; }

 private:
  bool make_view(bool read_only);
  bool find_processes();

  const bool preserve_;
  std::string place_, problem_;
  pid_t service_ = -1;
  std::vector<os::Fd> connections_, mounts_;
  std::vector<LiveProcess> processes_;
};

}  // namespace sluice::adversary
