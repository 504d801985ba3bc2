// What the kernel says of a live process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sandbox/confine.h"

namespace sluice::adversary {

struct FilterFacts {
  size_t instructions = 0;
  std::string policy;                // whose release program it is; empty: of none
  std::vector<std::string> allowed;  // calls of x86-64, by name
  int with_arguments = 0;            // of these, those that take any
  int with_conditions = 0;           // of these, those that only some arguments are allowed for
  int foreign = 0;                   // calls of x32 and i386
};

struct ProcessFacts {
  std::string name;
  pid_t pid = 0;
  uint32_t real = 0, effective = 0, saved = 0, file_system = 0;  // uids
  std::vector<std::string> capabilities;                         // permitted and effective
  bool other_capabilities = false;  // inheritable or ambient, or permitted and not effective
  size_t bounding = 0;              // how many are in the bounding set
  bool no_new_privileges = false;
  int seccomp_filters = 0;  // of every thread
  int threads = 0;
  std::vector<std::string> namespaces;     // those that this program is not in
  std::map<std::string, int> descriptors;  // what kind, and how many
  std::vector<FilterFacts> filters;        // of the main thread
};

// An empty text where all went well; else what could not be learned.
std::string learn(pid_t pid, ProcessFacts& facts);

// The filters of a live process by PTRACE_SECCOMP_GET_FILTER, the oldest last. It is stopped for
// that.
std::string dump_filters(pid_t pid, std::vector<std::vector<sandbox::Instruction>>& filters);

FilterFacts facts_of(const std::vector<sandbox::Instruction>& program);

}  // namespace sluice::adversary
