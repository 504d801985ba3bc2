// What a broker serves: one connection, its trees, and the rules that hold for them now.
//
// Broker only.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "core/grafts.h"
#include "core/matcher.h"

namespace sluice::broker {

struct View {
  int device;      // /dev/fuse
  // The trees, by core::Place::root; in a read-only view or graft both are read-only.
  std::vector<int> roots_ro;
  std::vector<int> roots_rw;
  std::vector<core::Graft> grafts;
  bool read_only;
  bool device_nodes;  // may be made
  uint32_t uid;    // the broker's own
};

// Verdict and deed are one step: whoever asks holds the lock until what the verdict allows is done, so
// that no name changes hands in between through this view.
class Rulebook {
 public:
  explicit Rulebook(core::Rules rules) { replace(std::move(rules)); }

  // Other rules from now on. What is granted stays so: the kernel cannot take it back.
  void replace(core::Rules rules) {
    auto matcher = std::make_unique<core::Matcher>(std::move(rules), ::time(nullptr));
    const std::lock_guard lock(mutex);
    matcher_ = std::move(matcher);
  }
  // As the clock says now. The rest needs the lock.
  core::Verdicts decide(std::string_view path) {
    (void)matcher_->set_time(::time(nullptr));
    return matcher_->decide(path);
  }
  core::Matcher& matcher() { return *matcher_; }
  const core::Rules& rules() const { return matcher_->rules(); }

  std::mutex mutex;

 private:
  std::unique_ptr<core::Matcher> matcher_;
};

}  // namespace sluice::broker
