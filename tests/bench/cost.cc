#include "cost.h"

#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "memory.h"
#include "process.h"

namespace sluicebench {
namespace {

double Seconds(const struct timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Cost OfThread(const std::filesystem::path& thread) {
  Cost cost;
  // Nanoseconds on a processor come first.
  if (double nanoseconds = 0; std::ifstream(thread / "schedstat") >> nanoseconds) {
    cost.cpu_seconds = nanoseconds / 1e9;
  }
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);) {
    const size_t colon = line.find(':');
    if (line.find("ctxt_switches") != std::string::npos && colon != std::string::npos) {
      cost.switches += std::stod(line.substr(colon + 1));
    }
  }
  return cost;
}

std::vector<Process> Servers(pid_t server) {
  if (server == 0) return {};
  std::vector<Process> all = Descendants(server);
  all.push_back({server, "server"});
  return all;
}

}  // namespace

Cost OwnCost() {
  Cost cost;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    struct rusage usage {};
    Must(::getrusage(who, &usage), "getrusage");
    cost.cpu_seconds += Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
    cost.switches += static_cast<double>(usage.ru_nvcsw + usage.ru_nivcsw);
  }
  return cost;
}

Cost ServersCost(pid_t server) {
  Cost cost;
  for (const Process& process : Servers(server)) {
    std::error_code gone;
    const std::filesystem::path tasks = "/proc/" + std::to_string(process.pid) + "/task";
    for (const auto& thread : std::filesystem::directory_iterator(tasks, gone)) {
      cost = cost + OfThread(thread.path());
    }
  }
  return cost;
}

long ServersKib(pid_t server) {
  long kib = 0;
  for (const Process& process : Servers(server)) kib += MemoryOf(process).private_kib;
  return kib;
}

}  // namespace sluicebench
