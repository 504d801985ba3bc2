// What a process costs in memory that is its own.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "process.h"

namespace sluicebench {

struct Memory {
  std::string process;  // its name
  pid_t pid = 0;
  long private_kib = 0;  // pages that no other process has mapped, clean and dirty
  long pss_kib = 0;      // those, and its share of the others
  long resident_kib = 0;
};

Memory MemoryOf(const Process& process);  // throws Failure where it cannot be told

// Of the service, broker and worker that the command of a view started; or, of a service, of itself
// and the same. Sorted by name; throws Failure where one of them is missing.
std::vector<Memory> MemoryOfView(pid_t started);

// Of the broker and the worker together.
Memory BrokerAndWorker(const std::vector<Memory>& all);

void PrintMemory(const std::vector<Memory>& all);

}  // namespace sluicebench
