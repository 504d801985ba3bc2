// Spare workers: what takes longest in starting a worker is done ahead, for a view that is in use. One waits, confined, and has
// read nothing but its configuration; what the worker before it left it looks at when that one has ended and its turn has come.
//
// It is of the rules and of the channels that the view had when it was started: where those change, it goes.
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "os/socket.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"
#include "wire/worker_start.h"

namespace sluice::service {

using Limits = core::RecoveryLimits;

// From when a worker serves, or has other rules. Where no other could be started, never.
void Service::plan_spare(View& view) {
  view.spare_at = view.park ? now_milliseconds() + Limits::kSpareMilliseconds : kNever;
}

// The view is in use. Who waits for a worker comes before who may need one later.
void Service::consider_spare(uint64_t id, View& view) {
  if (now_milliseconds() < view.spare_at || spared_.contains(id)) return;
  if (!view.worker || view.beginning || view.reload != 0 || view.without_broker || maker_gone_) return;
  const auto of_owner = std::count_if(spared_.begin(), spared_.end(), [&](uint64_t other) {
    const auto found = views_.find(other);
    return found != views_.end() && found->second->info.owner == view.info.owner;
  });
  if (spared_.size() >= Limits::kSpares || of_owner >= Limits::kSparesPerOwner || !can_ask_for_worker(view.info.owner, 2)) return;
  view.spare_at = kNever;
  view.spare_maker = ask_for_worker(id, view, true);
  if (view.spare_maker != 0) spared_.insert(id);
}

void Service::take_spare(uint64_t id, View& view, View::NextWorker spare) {
  view.spare = std::move(spare);
  (void)poller_.add(view.spare.process.get(), tag(id, kSpareEnd));
}

// Its set-up process has ended. Where it made none, the next worker is one that is asked for when it is needed.
void Service::end_making_spare(uint64_t id, View& view) {
  view.spare_maker = 0;
  if (!view.spare.process) spared_.erase(id);
}

// Whether one takes the place of the worker that has ended. It serves when it says so; until then it is looked after as any other
// is: where it ends, or does not answer, there is another.
bool Service::use_spare(uint64_t id, View& view) {
  if (!view.spare.process) return false;
  View::NextWorker spare = std::exchange(view.spare, {});
  spared_.erase(id);
  view.spare_maker = 0;
  poller_.remove(spare.process.get());
  if (!os::send_message(spare.events.get(), wire::kBegin).ok()) {
    put_end({std::move(spare.process), true, view.info.name, "spare worker"});
    return false;
  }
  view.beginning = true;
  put_worker(id, view, std::move(spare));
  // As long as one may take that is started now, also where nobody asks for anything meanwhile: mend() ends it then.
  lacking_.insert(id);
  view.mend_at = now_milliseconds() + kReadyMilliseconds;
  return true;
}

void Service::spare_ended(uint64_t id, View& view) {
  log(Level::kNotice, "no-spare", {{"view", view.info.name}, {"reason", "it has ended"}});
  drop_spare(id, view);
}

// Here it would keep everybody waiting.
void Service::let_go_of(os::Fd watch) {
  if (!watch) return;
  old_watches_.push_back(std::move(watch));
  close_old_watches();
}

// However many views end at once, no more than one order of these is before those of who waits. One that the maker does not take
// now is tried again when it has said something, as it will.
void Service::close_old_watches() {
  if (maker_gone_) return old_watches_.clear();
  if (closing_ != 0 || old_watches_.empty()) return;
  std::vector<int> some;
  for (size_t i = 0; i < std::min(old_watches_.size(), Maker::kMostToClose); ++i) some.push_back(old_watches_[i].get());
  const uint64_t id = next_id();
  if (!maker_.ask_to_close(id, some).ok()) return;
  closing_ = id;
  old_watches_.erase(old_watches_.begin(), old_watches_.begin() + static_cast<ptrdiff_t>(some.size()));
}

// It ends by itself: nobody holds the other end of its events any more.
void Service::drop_spare(uint64_t id, View& view) {
  view.spare_maker = 0;  // what that one makes is not taken
  spared_.erase(id);
  View::NextWorker spare = std::exchange(view.spare, {});
  if (!spare.process) return;
  poller_.remove(spare.process.get());
  put_end({std::move(spare.process), true, view.info.name, "spare worker"});
  if (!view.watch) let_go_of(std::move(spare.watch));  // one that only it has
}

}  // namespace sluice::service
