// Whether a view gets another worker, and when. PURE.
#pragma once

#include <cstdint>
#include <optional>

#include "core/recovery_limits.h"

namespace sluice::core {

class Recovery {
 public:
  // A worker has started, or ended; now: milliseconds of a clock that only goes on.
  void started(int64_t now) {
    started_at_ = now;
    failures_ = 0;
  }
  // When the next may start; nothing: the view is to end.
  std::optional<int64_t> ended(int64_t now);
  // The same, where one could not be started: always after a pause, and nothing of it is forgotten before one is.
  std::optional<int64_t> failed(int64_t now);

 private:
  int64_t started_at_ = 0;
  int64_t counted_at_ = 0;  // up to which time ends are forgiven
  uint32_t ends_ = 0;       // not forgiven yet
  uint32_t quick_ = 0;      // in a row
  uint32_t failures_ = 0;   // likewise
};

}  // namespace sluice::core
