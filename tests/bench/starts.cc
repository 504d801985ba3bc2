#include "starts.h"

#include <unistd.h>

#include "view.h"

namespace sluicebench {
namespace {

// For what the last view left to the kernel (namespaces) to be gone, and for a view to be idle.
constexpr useconds_t kPauseUs = 200'000;

}  // namespace

std::vector<double> SecondsToServe(const Ground& ground, int count, const Deadline& deadline,
                                   const std::string& socket) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    ::usleep(kPauseUs);
    const View view(ground, deadline, socket);
    seconds.push_back(view.seconds_to_serve());
  }
  return seconds;
}

std::vector<Memory> IdleMemory(const Ground& ground, const Deadline& deadline) {
  const View view(ground, deadline);
  ::usleep(kPauseUs);
  return MemoryOfView(view.command_pid());
}

}  // namespace sluicebench
