// Other directories in a view's tree.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "core/grafts.h"
#include "os/fd.h"

namespace sluice::cli {

struct Grafts {
  std::vector<core::Graft> places;   // in order
  std::vector<os::Fd> directories;   // O_PATH, of each
};
// words: AT=DIRECTORY, with ":ro" behind it read-only.
absl::StatusOr<Grafts> open_grafts(const std::vector<std::string>& words);

}  // namespace sluice::cli
