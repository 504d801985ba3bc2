// Every system call that takes a path, as a table: what each says of one.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace sluice::adversary {

struct PathCall {
  std::string name;
  std::function<long(const char* path)> call;
  bool makes = false;  // would make something of a name that is absent and not hidden
  // 0: it succeeded. What it opened is closed.
  int error_of(const char* path) const;
};

// view: the view's root with a '/' at the end; `file` and `dir` are there.
std::vector<PathCall> path_calls(const std::string& view);
// Those that need privilege to come as far as the path.
std::vector<PathCall> privileged_path_calls();

}  // namespace sluice::adversary
