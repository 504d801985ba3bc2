#include "host.h"

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "process.h"
#include "ratio.h"

namespace sluicebench {

double HostFactor() {
  constexpr int kStarts = 20;
  std::vector<double> milliseconds;
  for (int i = 0; i < kStarts; ++i) {
    const auto from = std::chrono::steady_clock::now();
    char name[] = "/bin/true";
    char* const words[] = {name, nullptr};
    char* const environment[] = {nullptr};
    pid_t pid = 0;
    if (::posix_spawn(&pid, name, nullptr, nullptr, words, environment) != 0) throw Failure("cannot start /bin/true");
    ::waitpid(pid, nullptr, 0);
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - from).count());
  }
  return std::max(1.0, Median(milliseconds));
}

}  // namespace sluicebench
