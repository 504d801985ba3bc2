// When a view's worker is asked to rest: to end, as long as nobody needs it. PURE.
#pragma once

#include <cstdint>
#include <utility>

#include "core/recovery_limits.h"

namespace sluice::core {

class Idleness {
 public:
  // Never.
  Idleness() = default;
  // A worker has started. After so many milliseconds without a request it is asked; what the kernel remembers of the view is to be
  // forgotten by then, since nobody watches what becomes of it meanwhile. 0: it is never asked.
  Idleness(int64_t now, int64_t idle_milliseconds, uint32_t coherence_milliseconds);

  bool is_on() const { return least_ > 0; }
  // The kernel had a request for it.
  void used(int64_t now) { used_at_ = now; }
  // When to look at it next.
  int64_t next_look(int64_t now) const { return now + look_; }
  // Whether it is to be asked now. answered, busy: as it says itself, which only makes it later.
  bool is_over(int64_t now, uint64_t answered, bool busy);
  // Whether it ends because it was asked: of one that was not, it is a death like any other. Once for each time.
  bool take_asked() { return std::exchange(asked_, false); }
  bool is_asked() const { return asked_; }

 private:
  int64_t least_ = 0, look_ = 0, used_at_ = 0;
  uint64_t answered_ = 0;
  bool asked_ = false;
};

}  // namespace sluice::core
