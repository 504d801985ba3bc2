// A fanotify group without privilege, and what it tells.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sys.h"

namespace kerneltest {

struct Change {
  uint64_t mask;
  int pid;  // as the reader is told it
  int handle_type;
  std::string handle;
  std::string name;
};

class ChangeWatch {
 public:
  ChangeWatch();  // throws
  // Zero, or -errno. directory: O_PATH will do. flags: besides FAN_MARK_ADD.
  long Mark(int directory, uint64_t mask, unsigned flags) const;
  long Watch(int directory) const;   // as the worker does, with what happens to files
  std::vector<Change> Told() const;  // since the last time
  int get() const { return group_.get(); }

 private:
  Fd group_;
};

// Of what is open as fd: type and bytes, as an event has them.
Change HandleOf(int fd);

}  // namespace kerneltest
