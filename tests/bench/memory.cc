#include "memory.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "process.h"

namespace sluicebench {
namespace {

constexpr const char* kMembers[] = {"sluice-broker", "sluice-worker", "sluiced"};

}  // namespace

Memory MemoryOf(const Process& process) {
  Memory memory{process.name, process.pid};
  std::ifstream file("/proc/" + std::to_string(process.pid) + "/smaps_rollup");
  std::string key;
  long value = 0;
  for (std::string line; file >> key; std::getline(file, line)) {
    if (key.back() != ':' || !(file >> value)) {
      file.clear();  // the first line is an address range
      continue;
    }
    if (key == "Private_Clean:" || key == "Private_Dirty:") memory.private_kib += value;
    if (key == "Pss:") memory.pss_kib = value;
    if (key == "Rss:") memory.resident_kib = value;
  }
  if (memory.resident_kib == 0) throw Failure("no smaps_rollup of " + process.name);
  return memory;
}

std::vector<Memory> MemoryOfView(pid_t started) {
  std::vector<Process> processes = Descendants(started);
  processes.push_back({started, "sluiced"});
  if (std::count_if(processes.begin(), processes.end(),
                    [](const Process& one) { return one.name == "sluiced"; }) > 1) {
    processes.pop_back();  // what was started is the command, and the service its child
  }
  std::vector<Memory> all;
  for (const char* member : kMembers) {
    const auto found = std::find_if(processes.begin(), processes.end(),
                                    [&](const Process& one) { return one.name == member; });
    if (found == processes.end()) throw Failure(std::string("a view without ") + member);
    all.push_back(MemoryOf(*found));
  }
  return all;
}

Memory BrokerAndWorker(const std::vector<Memory>& all) {
  Memory sum{"broker + worker"};
  for (const Memory& one : all) {
    if (one.process == "sluiced") continue;
    sum.private_kib += one.private_kib;
    sum.pss_kib += one.pss_kib;
    sum.resident_kib += one.resident_kib;
  }
  return sum;
}

void PrintMemory(const std::vector<Memory>& all) {
  std::printf("%-18s %9s %9s %9s\n", "KiB of an idle view", "private", "Pss", "resident");
  std::vector<Memory> rows = all;
  rows.push_back(BrokerAndWorker(all));
  for (const Memory& one : rows) {
    std::printf("%-19s %9ld %9ld %9ld\n", one.process.c_str(), one.private_kib, one.pss_kib,
                one.resident_kib);
  }
}

}  // namespace sluicebench
