#include "broker/view.h"

#include <ctime>
#include <utility>

namespace sluice::broker {

void Rulebook::replace(core::Rules rules) {
  auto matcher = std::make_unique<core::Matcher>(std::move(rules), ::time(nullptr));
  const std::lock_guard lock(mutex);
  matcher_ = std::move(matcher);
}

core::Verdicts Rulebook::decide(std::string_view path) {
  (void)matcher_->set_time(::time(nullptr));
  return matcher_->decide(path);
}

}  // namespace sluice::broker
