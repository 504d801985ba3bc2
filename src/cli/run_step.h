// The steps of `sluice run` between its fork and the command's exec.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/output.h"
#include "core/result.h"

namespace sluice::cli {

// In the child: says what failed, and ends.
inline void must(bool ok, const char* step) {
  if (ok) return;
  std::fprintf(stderr, "sluice: %s: %s\n", step, std::strerror(errno));
  ::_exit(kExitRunFailed);
}
[[noreturn]] inline void give_up(const absl::Status& status) {
  (void)report(status);
  ::_exit(kExitRunFailed);
}
template <typename Result>
auto must_have(Result result, std::string_view subject) {
  if (!result.ok()) give_up(problem(result.failure(), subject));
  return *std::move(result);
}
inline void must_have(core::Outcome outcome, std::string_view subject) {
  if (!outcome.ok()) give_up(problem(outcome.failure(), subject));
}

}  // namespace sluice::cli
