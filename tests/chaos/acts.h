// Operations that are to be carried out once, whoever dies meanwhile.
#pragma once

#include <span>
#include <string>

namespace sluice::model {

// In a directory with the files a and b of some bytes, a directory `sub`, an attribute on a, and files in `row` that nobody has
// opened yet. What run returns is the same in a plain directory.
struct Act {
  const char* name;
  std::string (*run)(const std::string& at);
  // It has open what cannot be opened anew, for want of a name or a permission: where the broker ends that has it, this may say
  // EIO (SECURITY.md).
  bool is_lost = false;
};

std::span<const Act> acts();

// By root, in a view that makes device nodes.
std::span<const Act> device_acts();

// Root. Two above such a directory is one with files of root's.
void make_others(const std::string& in);

// Makes such a directory.
bool prepare(const std::string& at);

}  // namespace sluice::model
