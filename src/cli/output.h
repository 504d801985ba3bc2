// How the command talks to people: one line what happened, one line what to do.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>

#include "core/result.h"

namespace sluice::cli {

// Exit statuses, as the manual lists them.
enum Exit {
  kExitOk = 0,
  kExitFailed = 1,       // something went wrong on the way
  kExitUsage = 2,        // the words of the command: an option, a pattern, a user
  kExitDirectory = 3,    // the source or the target cannot be used
  kExitRefused = 4,      // the service, or a permission, says no
  kExitHost = 5,         // the host lacks something
  kExitRunFailed = 125,  // sluice run itself failed; 126 and 127 as the shell has them
};

// what: one line; remedy: one line or empty. The code decides the exit status.
absl::Status problem(absl::StatusCode code, std::string_view what, std::string_view remedy = {});
// A failure of the service or a system call on `subject`.
absl::Status problem(const core::Failure& failure, std::string_view subject);

// Prints it on stderr and gives the exit status.
int report(const absl::Status& status);

}  // namespace sluice::cli
