#include "starts.h"

#include <unistd.h>

#include "view.h"

namespace sluicebench {

std::vector<double> SecondsToServe(const Ground& ground, int count, const Deadline& deadline,
                                   const std::string& socket) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    const View view(ground, deadline, socket);
    seconds.push_back(view.seconds_to_serve());
  }
  return seconds;
}

std::vector<Memory> IdleMemory(const Ground& ground, const Deadline& deadline) {
  const View view(ground, deadline);
  ::usleep(300'000);
  return MemoryOfView(view.command_pid());
}

}  // namespace sluicebench
