// Whether a view's connection goes on, and its worker answers.
//
// A poll of the device that is armed wakes this process with each request of the view. So it is armed for one: what comes
// after it is looked for a moment later, and a view that nobody uses is not looked at.
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "os/memory_file.h"
#include "os/shared_file.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"
#include "wire/counters.h"

namespace sluice::service {

using Limits = core::RecoveryLimits;

// A request waits, or did so a moment ago.
void Service::attend(uint64_t id, View& view) {
  const int64_t now = now_milliseconds();
  const auto before = view.progress;
  const bool goes_on = now - view.looked_at <= 2 * Limits::kLookMilliseconds;
  view.looked_at = now;
  view.idleness.used(now);
  view.progress = progress_of(view);
  if (!view.look_planned) looks_.push_back({now + Limits::kLookMilliseconds, id});
  view.look_planned = true;
  if (view.progress.answered != before.answered) view.patience = Limits::kPatienceMilliseconds;
  if (goes_on) consider_spare(id, view);
  if (!goes_on || view.progress != before || !view.worker) {
    view.progressed_at = now;
    return;
  }
  if (now - view.progressed_at < view.patience) return;
  log(Level::kError, "worker-hangs",
      {{"view", view.info.name}, {"milliseconds", absl::StrCat(now - view.progressed_at)}});
  view.patience = std::min(2 * view.patience, Limits::kMostPatienceMilliseconds);
  view.progressed_at = now;
  os::kill_process(view.worker.get());  // the next takes its place once it has ended
}

void Service::watch_connection(uint64_t id, const View& view) {
  poller_.remove(view.device.get());
  (void)poller_.add_once(view.device.get(), tag(id, kConnection));
}

void Service::look_at_views() {
  const int64_t now = now_milliseconds();
  while (!looks_.empty() && looks_.front().at <= now) {
    const uint64_t id = looks_.front().view;
    looks_.pop_front();
    const auto found = views_.find(id);
    if (found == views_.end()) continue;
    View& view = *found->second;
    view.look_planned = false;
    watch_connection(id, view);
    // Where none waits there may still be one that the worker has read.
    if (view.worker && progress_of(view).busy) attend(id, view);
  }
}

Service::View::Progress Service::progress_of(const View& view) const {
  void* page = os::map_counters(view.counters.get(), wire::kCounterPage, false);
  if (page == nullptr) return {};
  const auto* counters = static_cast<const wire::Counters*>(page);
  const View::Progress progress{counters->answered, counters->busy != 0};
  os::unmap_counters(page, wire::kCounterPage);
  return progress;
}

}  // namespace sluice::service
