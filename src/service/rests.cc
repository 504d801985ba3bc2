// Workers that have nothing to do: they are asked to end, and the next one starts with the next request.
//
// That a view is used the kernel says, by its device (liveness.cc), and its worker, whose word only keeps it from resting. It ends
// by itself, when nothing is under way: what the kernel asks for from then on waits in the device, which is watched. One that says
// that it rests and was not asked has died like any other.
#include <absl/strings/str_cat.h>

#include "os/socket.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"
#include "wire/worker_start.h"

namespace sluice::service {

// From when a worker has started. Where no other could be, or it does not know the word, it goes on for ever.
void Service::begin_idleness(uint64_t id, View& view) {
  const bool can_rest = view.park && view.knows_rest;
  view.idleness = core::Idleness(now_milliseconds(), can_rest ? options_.worker_idle_milliseconds : 0,
                                 view.info.coherence_milliseconds);
  if (view.idleness.is_on() && !view.rest_planned) plan_rest(id, view);
}

void Service::plan_rest(uint64_t id, View& view) {
  view.rest_planned = true;
  rests_.insert({view.idleness.next_look(now_milliseconds()), id});
}

void Service::look_for_idle() {
  const int64_t now = now_milliseconds();
  while (!rests_.empty() && rests_.begin()->first <= now) {
    const uint64_t id = rests_.begin()->second;
    rests_.erase(rests_.begin());
    const auto found = views_.find(id);
    if (found == views_.end()) continue;
    View& view = *found->second;
    view.rest_planned = false;
    if (!view.worker || view.beginning) continue;  // with the next one
    const View::Progress progress = progress_of(view);
    const bool is_left_alone = view.reload == 0 && !view.without_broker && !maker_gone_;
    if (is_left_alone && view.idleness.is_over(now, progress.answered, progress.busy)) {
      (void)os::send_message(view.worker_events.get(), wire::kRest);  // one that does not listen stays
    }
    plan_rest(id, view);
  }
}

void Service::rest(uint64_t id, View& view) {
  poller_.remove(view.worker_events.get());
  view.worker_events.reset();
  view.info.resting = true;
  view.silent_since = 0;
  drop_spare(id, view);
  let_go_of(std::move(view.watch));
  lacking_.erase(id);
  // What has come meanwhile is seen at once.
  watch_connection(id, view);
  (void)store(view);
  ++totals_.workers_rested;
  log(Level::kInfo, "worker-rests", {{"view", view.info.name}});
  // The next begins with the rules, and says so to who waits for that.
  if (view.reload != 0) wake(id, view);
}

void Service::wake(uint64_t id, View& view) {
  view.info.resting = false;
  view.woken = true;
  view.mend_at = now_milliseconds();
  lacking_.insert(id);
}

}  // namespace sluice::service
