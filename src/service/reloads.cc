// Other rules for a view that serves: first for its broker, whose verdict counts, then for its worker.
#include <absl/strings/str_cat.h>

#include <cerrno>
#include <utility>

#include "os/socket.h"
#include "service/log.h"
#include "service/service.h"

namespace sluice::service {

core::Outcome Service::begin_reload(uint64_t id, uint64_t which, core::Rules rules) {
  const auto found = views_.find(which);
  if (found == views_.end()) return core::Failure{ENOENT, core::Reason::kNoSuchView};
  View& view = *found->second;
  if (view.info.foreign) return core::Failure{ENOENT, core::Reason::kNoSuchView};
  // It began at rest, and its first processes begin with the rules.
  const bool none_yet = view.info.resting && !view.broker;
  if (view.reload != 0 || (view.without_broker && !none_yet)) return core::Failure{EAGAIN, core::Reason::kLimitSetups};
  // Stored first: no worker of another service begins with fewer rules than the broker has.
  std::swap(view.rules, rules);
  const bool before = std::exchange(view.reloaded, true);
  auto done = store(view);
  if (done.ok() && !none_yet) done = os::send_message(view.broker_events.get(), view.rules.bytes());
  if (!done.ok()) {
    view.rules = std::move(rules);
    view.reloaded = before;
    (void)store(view);
    return done;
  }
  view.reload = id;
  view.broker_has_rules = false;
  drop_spare(which, view);  // it would begin with those of before
  if (none_yet) wake(which, view);
  return core::Done{};
}

// From now on what is opened is judged by the new rules; what the worker has not heard of yet, the
// broker refuses.
void Service::go_on_reloading(View& view, bool from_broker, uint32_t open) {
  if (view.reload == 0) return;  // who was not asked says nothing
  if (from_broker) {
    view.broker_has_rules = true;
    if (view.info.resting) wake(view.info.id, view);
    if (!view.worker || view.beginning) return;  // the next begins with them, or hears of them when it serves
    const auto sent = os::send_message(view.worker_events.get(), view.rules.bytes());
    // One that has ended is followed by one that begins with them.
    const bool ended = !sent.ok() && (sent.failure().error == EPIPE || sent.failure().error == ECONNRESET);
    if (!sent.ok() && !ended) end_view(view.info.id, "worker does not listen");
    return;
  }
  view.info.rules = static_cast<uint32_t>(view.rules.size());
  log(Level::kInfo, "view-reloaded", {{"view", view.info.name}, {"rules", absl::StrCat(view.info.rules)},
                                      {"open_by_old_rules", absl::StrCat(open)}}, true);
  plan_spare(view);
  reply_to_setup(std::exchange(view.reload, 0), {0, core::Reason::kNone, open, {}});
}

}  // namespace sluice::service
