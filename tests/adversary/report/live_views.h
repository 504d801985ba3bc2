// A service with its views, of the real programs, for as long as this lives.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "../idle_server.h"
#include "os/fd.h"

namespace sluice::adversary {

inline constexpr uint32_t kReportedUser = 61236;

struct LiveProcess {
  std::string name;
  pid_t pid;
};

class LiveViews {
 public:
  // Of which views.
  enum Kind { kOfAUser, kPreserve, kDeviceNodes };
  // programs: the directory with sluiced and the others beside it. kPreserve, kDeviceNodes: one read-write view that
  // keeps every owner; else a read-only and a read-write one of a user, and the connection of a FUSE server of its.
  LiveViews(const std::string& programs, Kind kind);
  ~LiveViews();
  LiveViews(const LiveViews&) = delete;
  LiveViews& operator=(const LiveViews&) = delete;

  // Service, maker, broker and worker of each view, and the broker of the connection; with preserve the service itself is left
  // out, which the option does not change. Empty where something did not come up,
  // which problem() then says.
  const std::vector<LiveProcess>& processes() const { return processes_; }
  const std::string& problem() const { return problem_; }

 private:
  bool make_view(bool read_only);
  bool make_connection();
  bool find_processes();

  const Kind kind_;
  const bool preserve_ = kind_ != kOfAUser;
  std::string place_, problem_;
  pid_t service_ = -1;
  std::vector<os::Fd> connections_, mounts_;
  std::unique_ptr<IdleServer> server_;
  std::vector<LiveProcess> processes_;
};

}  // namespace sluice::adversary
