// Another worker for a view whose worker has ended, and another broker with it where that has: open files and the view
// itself go on meanwhile, and what the kernel has asked for waits.
//
// A broker that has ended takes its worker along: what that one had asked for may be done or not, and only the next worker looks
// (worker/intent.h). What was granted stays: the kernel has it, and the next broker its ledger.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "core/reason_text.h"
#include "os/poller.h"
#include "os/socket.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"
#include "wire/worker_start.h"

namespace sluice::service {
namespace {

constexpr int64_t kMendAgainMilliseconds = 10;
constexpr int64_t kReapedMilliseconds = 200;

// Its parent is not quite gone: then it is ours; or is another's, which may never reap it.
bool may_be_reaped(const os::Fd& process, bool of_another, int64_t ended_at) {
  return os::kill_process(process.get()) && (!of_another || now_milliseconds() < ended_at + kReapedMilliseconds);
}

}  // namespace

// One that ended because its connection did is not replaced: whether it did is among the next events.
void Service::worker_ended(uint64_t id, View& view) {
  poller_.remove(view.worker.get());
  watch_connection(id, view);
  ended_workers_.push_back(id);
}

void Service::broker_ended(uint64_t id, View& view) {
  if (!view.park) return end_view(id, "broker ended");
  poller_.remove(view.broker.get());
  view.without_broker = true;
  view.broker_ended_at = now_milliseconds();
  drop_spare(id, view);  // of the channels of that one
  watch_connection(id, view);
  if (view.info.resting) wake(id, view);
  if (view.worker) os::kill_process(view.worker.get());
}

void Service::mend_views(const std::vector<uint64_t>& ended) {
  for (const uint64_t id : ended) {
    if (!views_.contains(id) || !views_[id]->worker) continue;
    views_[id]->mend_at = views_[id]->ended_at = now_milliseconds();
    lacking_.insert(id);
  }
  // Who has waited for longest comes first: where only so many are started at once, the others' turn comes too.
  std::vector<std::pair<int64_t, uint64_t>> due;
  absl::erase_if(lacking_, [this](uint64_t id) { return !views_.contains(id); });
  for (const uint64_t id : lacking_) {
    const View& view = *views_[id];
    if (view.replacement == 0 && view.mend_at <= now_milliseconds()) due.emplace_back(view.mend_at, id);
  }
  std::sort(due.begin(), due.end());
  for (const auto& [at, id] : due) {
    if (const auto found = views_.find(id); found != views_.end()) mend(id, *found->second);
  }
}

// Ends the view where it cannot go on.
void Service::mend(uint64_t id, View& view) {
  if (view.worker) {
    const auto end = os::reap(view.worker.get());
    const bool is_there = !end.ok() && may_be_reaped(view.worker, view.worker_of_another, view.ended_at);
    // It was killed, if it had not ended: nothing of it runs any more. What is left waits in the kernel for the lock of a
    // directory (worker/forgetter.h), which somebody holds who waits for an answer of the next worker.
    const int64_t most = view.idleness.is_asked() ? kLeaveToRestMilliseconds : kLeaveMilliseconds;
    const bool is_left = view.silent_since != 0 && now_milliseconds() - view.silent_since >= most;
    if (is_there && !is_left) {
      view.mend_at = now_milliseconds() + kMendAgainMilliseconds;
      return;
    }
    poller_.remove(view.worker.get());
    if (is_there) {
      Ending left{std::move(view.worker), true, view.info.name, "worker"};
      left.worker_of = id;
      put_end(std::move(left));
    }
    view.worker.reset();
    view.info.worker_pid = 0;
    view.beginning = false;
    std::erase(ended_workers_, id);  // or the next one, which may be there at once, would be taken for it
    const bool asked = view.idleness.take_asked();
    if (asked && !view.without_broker && end.ok() && end->exited && end->code == wire::kExitResting) return rest(id, view);
    const bool violated = end.ok() && end->by_policy();
    log(Level::kError, violated ? core::reason_name(core::Reason::kConfinementViolated) : "worker-ended",
        {{"view", view.info.name}, {"process", "worker"},
         {!end.ok() || end->exited ? "status" : "signal", end.ok() ? absl::StrCat(end->code) : "unknown"}});
    // One that did what no worker does may have been taken over: who did it gets no second try.
    if (violated) return end_view(id, "worker violated its confinement");
    if (!view.park) return end_view(id, "worker ended");
    if (end.ok() && end->exited && end->code == wire::kExitWithoutBroker && !view.without_broker) broker_ended(id, view);
    if (!plan_replacement(id, view, view.recovery.ended(now_milliseconds()))) return;
  }
  if (view.without_broker && view.broker && !see_off_broker(id, view)) return;
  if (view.mend_at > now_milliseconds()) return;
  if (maker_gone_) return end_view(id, "worker ended");
  if (!view.without_broker && use_spare(id, view)) return;
  // Nobody's views keep another's waiting for long.
  if (!can_ask_for_worker(view.info.owner, 1)) {
    // The more there are who wait, the later each looks again.
    view.mend_at = now_milliseconds() + kMendAgainMilliseconds + static_cast<int64_t>(lacking_.size() / 8);
    return;
  }
  view.replacement = ask_for_worker(id, view, false);
  if (view.replacement == 0) plan_replacement(id, view, view.recovery.failed(now_milliseconds()));
}

// Whether it is gone, as it has to be before there is another; if not, it is to be looked for again, or the view has ended.
bool Service::see_off_broker(uint64_t id, View& view) {
  const auto end = os::reap(view.broker.get());
  if (!end.ok() && may_be_reaped(view.broker, view.broker_of_another, view.broker_ended_at)) {
    view.mend_at = now_milliseconds() + kMendAgainMilliseconds;
    return false;
  }
  view.broker.reset();
  view.info.broker_pid = 0;
  const bool violated = end.ok() && end->by_policy();
  log(Level::kError, violated ? core::reason_name(core::Reason::kConfinementViolated) : "broker-ended",
      {{"view", view.info.name}, {"process", "broker"},
       {!end.ok() || end->exited ? "status" : "signal", end.ok() ? absl::StrCat(end->code) : "unknown"}});
  if (violated) end_view(id, "broker violated its confinement");
  return !violated;
}

// part: of how many at a time this may be one.
bool Service::can_ask_for_worker(uint32_t owner, uint32_t part) const {
  const auto of_owner = replacements_of_.find(owner);
  return replacements_ < core::RecoveryLimits::kReplacements / part &&
         (of_owner == replacements_of_.end() || of_owner->second < core::RecoveryLimits::kReplacementsPerOwner / part);
}

uint64_t Service::ask_for_worker(uint64_t id, View& view, bool spare) {
  auto report = os::socket_pair();
  if (!report.ok() || !os::set_nonblocking(report->first.get()).ok()) return 0;
  const uint64_t pending = next_id();
  const auto asked = maker_.ask_for_worker(
      pending, {report->second.get(), view.device.get(), view.counters.get(), view.park.get(), view.watch.get(),
                view.reloaded ? &view.rules : nullptr,
                view.without_broker, spare});
  if (!asked.ok()) return 0;
  (void)poller_.add(report->first.get(), tag(pending, kReport));
  auto process = std::make_unique<Pending>();
  process->report = std::move(report->first);
  process->identity.uid = ~0u;  // nobody's place is taken
  process->deadline = now_milliseconds() + int64_t{core::Limits::kSetupSeconds} * 1000;
  process->worker_of = id;
  process->owner_of_view = view.info.owner;
  pending_[pending] = std::move(process);
  ++replacements_;
  ++replacements_of_[view.info.owner];
  return pending;
}

// Whether there is to be another worker; if not, the view has ended.
bool Service::plan_replacement(uint64_t id, View& view, std::optional<int64_t> when) {
  if (!when) {
    end_view(id, "worker keeps ending");
    return false;
  }
  view.mend_at = *when;
  return true;
}

core::Result<wire::Reply> Service::take_worker(uint64_t pending, uint64_t id, const wire::Report& report,
                                               std::vector<os::Fd> fds) {
  const auto found = views_.find(id);
  if (found == views_.end()) return core::Failure{ENOENT, core::Reason::kNoSuchView};
  View& view = *found->second;
  const bool both = report.kind == wire::ReportKind::kMadeBoth;
  const bool spare = view.spare_maker == pending;
  // Its broker may have ended meanwhile, and a spare one may be of no use any more.
  const bool fits = spare ? !both && !view.without_broker && !view.spare.process
                          : view.replacement == pending && !view.worker && both == view.without_broker;
  if (!fits) return core::Failure{EPROTO, core::Reason::kProtocol};
  if (auto set = os::set_nonblocking(fds[kWorkerEventsEnd].get()); !set.ok()) return set.failure();
  if (both) {
    if (auto set = os::set_nonblocking(fds[kBrokerEventsEnd].get()); !set.ok()) return set.failure();
    take_broker(id, view, static_cast<pid_t>(report.uid), fds);
  }
  View::NextWorker worker{std::move(fds[kWorkerProcess]), std::move(fds[kWorkerEventsEnd]), std::move(fds[kWorkerWatch]),
                     static_cast<pid_t>(report.after)};
  if (spare) {
    take_spare(id, view, std::move(worker));
  } else {
    put_worker(id, view, std::move(worker));
    worker_serves(id, view, both);
  }
  return wire::Reply{};
}

void Service::put_worker(uint64_t id, View& view, View::NextWorker worker) {
  poller_.remove(view.worker_events.get());
  view.worker = std::move(worker.process);
  view.worker_of_another = false;
  view.worker_events = std::move(worker.events);
  view.watch = std::move(worker.watch);
  view.info.worker_pid = worker.pid;
  view.info.resting = false;
  view.recovery.started(now_milliseconds());
  view.progressed_at = now_milliseconds();
  view.silent_since = 0;
  (void)poller_.add(view.worker_events.get(), tag(id, kWorkerEvents));
  (void)poller_.add(view.worker.get(), tag(id, kWorkerEnd));
  lacking_.erase(id);
  (void)store(view);
}

void Service::worker_serves(uint64_t id, View& view, bool with_broker) {
  const bool woken = std::exchange(view.woken, false);
  ++(woken ? totals_.workers_woken : totals_.workers_replaced);
  log(woken ? Level::kInfo : Level::kNotice, woken ? "worker-woken" : "worker-replaced",
      {{"view", view.info.name}, {"worker", absl::StrCat(view.info.worker_pid)}}, !woken);
  begin_idleness(id, view);
  plan_spare(view);
  // It began with the rules that its predecessor was to take, as the broker did, and says so when it gets them once more.
  if (view.reload != 0 && (view.broker_has_rules || with_broker)) go_on_reloading(view, true, 0);
}

void Service::take_broker(uint64_t id, View& view, pid_t pid, std::vector<os::Fd>& fds) {
  poller_.remove(view.broker_events.get());
  view.broker = std::move(fds[kBrokerProcess]);
  view.broker_events = std::move(fds[kBrokerEventsEnd]);
  view.park = std::move(fds[kParkOfBoth]);
  view.info.broker_pid = pid;
  view.without_broker = false;
  view.broker_of_another = false;
  (void)poller_.add(view.broker_events.get(), tag(id, kBrokerEvents));
  (void)poller_.add(view.broker.get(), tag(id, kBrokerEnd));
  const bool first = view.broker_ended_at == 0;  // of a view that began at rest
  log(first ? Level::kInfo : Level::kNotice, first ? "broker-woken" : "broker-replaced",
      {{"view", view.info.name}, {"broker", absl::StrCat(pid)}}, true);
}

// Its set-up process has ended: with a worker, or without.
void Service::end_replacement(uint64_t id, const Pending& pending) {
  --replacements_;
  const auto of_owner = replacements_of_.find(pending.owner_of_view);
  if (--of_owner->second == 0) replacements_of_.erase(of_owner);
  const auto found = views_.find(pending.worker_of);
  if (found == views_.end()) return;
  View& view = *found->second;
  if (view.spare_maker == id) return end_making_spare(found->first, view);
  if (view.replacement != id) return;
  view.replacement = 0;
  if (!view.worker) plan_replacement(found->first, view, view.recovery.failed(now_milliseconds()));
}

}  // namespace sluice::service
