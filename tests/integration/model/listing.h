// The names in a directory, by the system call, with a buffer as small as wanted.
#pragma once

#include <string>
#include <vector>

#include "tests/integration/model/outcome.h"

namespace sluice::model {

struct Listed {
  std::string name;
  unsigned char type;
  int64_t next;  // the cookie of what follows
};

// What one call gives; empty at the end. value of *error: 0 or errno.
std::vector<Listed> list_some(int fd, size_t buffer, int* error);

// Everything from the current position on, sorted: names with their types.
Outcome list_all(int fd, size_t buffer);

}  // namespace sluice::model
