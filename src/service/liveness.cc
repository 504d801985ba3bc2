// What the service manager hears of the service, and how long the loop may sleep.
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "service/clock.h"
#include "service/service.h"

namespace sluice::service {
namespace {

constexpr int64_t kAgainMilliseconds = 100;  // where the manager did not take what it was told
constexpr int64_t kMostMilliseconds = 60'000;

}  // namespace

void Service::tell_manager() {
  tell_manager_of_views();
  if (!said_ready_) said_ready_ = options_.notifier.say("READY=1\nSTATUS=no views");
  const size_t views = count(false), connections = count(true);
  if (said_ready_ && (views != views_said_ || connections != connections_said_) &&
      options_.notifier.say(absl::StrCat("STATUS=", views, " views",
                                         connections == 0 ? "" : absl::StrCat(", ", connections, " connections")))) {
    views_said_ = views;
    connections_said_ = connections;
  }
  const int64_t often = options_.notifier.watchdog_milliseconds();
  const int64_t now = now_milliseconds();
  if (often == 0 || now - watched_at_ < often) return;
  const bool said = options_.notifier.say("WATCHDOG=1");
  watched_at_ = said ? now : now - often + std::min(often, kAgainMilliseconds);
}

size_t Service::count(bool foreign) const {
  return foreign ? connections_here_ : views_.size() - connections_here_;
}

int Service::milliseconds_to_wait() const {
  int64_t wait = !ending_.empty() ? 100 : !pending_.empty() || !said_ready_ ? 1000 : -1;
  const auto at_most = [&wait](int64_t until) {
    const int64_t left = std::max<int64_t>(0, until - now_milliseconds());
    if (wait < 0 || left < wait) wait = left;
  };
  if (const int64_t often = options_.notifier.watchdog_milliseconds(); often > 0) {
    at_most(watched_at_ + often);
  }
  if (!words_.empty()) at_most(now_milliseconds() + kAgainMilliseconds);
  if (!looks_.empty()) at_most(looks_.front().at);
  if (!rests_.empty()) at_most(rests_.begin()->first);
  for (const uint64_t id : lacking_) {
    const auto view = views_.find(id);
    if (view != views_.end() && view->second->replacement == 0) at_most(view->second->mend_at);
  }
  if (options_.idle_milliseconds > 0 && idle()) at_most(busy_at_ + options_.idle_milliseconds);
  return static_cast<int>(std::min(wait, kMostMilliseconds));
}

}  // namespace sluice::service
