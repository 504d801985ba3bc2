#include "service/service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "core/limits.h"
#include "core/zeroed_memory.h"
#include "os/channel.h"
#include "os/listener.h"
#include "os/memory_file.h"
#include "os/shared_file.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/setup.h"
#include "wire/counters.h"
#include "wire/event_reader.h"

namespace sluice::service {
namespace {

constexpr int64_t kFarewellMilliseconds = 2000;

// Whether so many descriptors come along with it.
bool is_of_kind(size_t fds, wire::ReportKind kind) {
  switch (kind) {
    case wire::ReportKind::kMade:
      return fds == kViewFds || fds == kViewFds + 1;
    case wire::ReportKind::kMadeResting:
      return fds == kRestingFds;
    case wire::ReportKind::kMadeConnection:
      return fds == kConnectionFds;
    case wire::ReportKind::kMadeWorker:
      return fds == kWorkerFds;
    case wire::ReportKind::kMadeBoth:
      return fds == kBothFds;
    default:
      return fds == 0;
  }
}

// As they came along.
ViewFds fds_of_view(wire::ReportKind kind, std::vector<os::Fd> fds) {
  ViewFds of;
  if (kind == wire::ReportKind::kMadeResting) {
    of.device = std::move(fds[kRestingDevice]);
    of.counters = std::move(fds[kRestingCounters]);
    of.park = std::move(fds[kRestingPark]);
    return of;
  }
  of.device = std::move(fds[kViewDevice]);
  of.broker = std::move(fds[kViewBroker]);
  of.worker = std::move(fds[kViewWorker]);
  of.broker_events = std::move(fds[kViewBrokerEvents]);
  of.worker_events = std::move(fds[kViewWorkerEvents]);
  of.counters = std::move(fds[kViewCounters]);
  of.watch = std::move(fds[kViewWatch]);
  if (fds.size() > kViewFds) of.park = std::move(fds[kViewFds]);
  return of;
}

}  // namespace

Service::Service(Options options, Maker maker, os::Poller poller, os::Fd signals)
    : options_(std::move(options)),
      maker_(std::move(maker)),
      poller_(std::move(poller)),
      signals_(std::move(signals)),
      table_(options_.grants_per_view, options_.views, options_.connections) {
  totals_.started = options_.started;
  totals_.service_pid = options_.pid;
  totals_.maker_pid = maker_.pid();
}

core::Outcome Service::run() {
  const bool embedded = static_cast<bool>(options_.first_peer);
  if (auto added = poller_.add(signals_.get(), tag(0, kSignals)); !added.ok()) return added;
  if (auto added = poller_.add(maker_.channel(), tag(0, kMaker)); !added.ok()) return added;
  if (options_.listener) {
    if (auto added = poller_.add(options_.listener.get(), tag(0, kListener)); !added.ok()) {
      return added;
    }
  }
  if (options_.keeper) {
    if (auto added = poller_.add(options_.keeper.socket(), tag(0, kKeeper)); !added.ok()) return added;
  }
  take_over(std::exchange(options_.found, {}));
  if (embedded) admit(std::move(options_.first_peer), false);
  busy_at_ = now_milliseconds();
  while (!stopping_ && !(embedded && views_.empty() && pending_.empty())) {
    tell_manager();
    const auto ended = std::exchange(ended_workers_, {});
    auto events = poller_.wait(ended.empty() ? milliseconds_to_wait() : 0);
    if (!events.ok()) return events.failure();
    if (!events->empty() || !idle()) busy_at_ = now_milliseconds();
    // Nobody waits at the socket either, or it would be among the events. Who comes from now on is
    // served by the next: the socket stays with the service manager.
    if (options_.idle_milliseconds > 0 &&
        now_milliseconds() - busy_at_ >= options_.idle_milliseconds) {
      log(Level::kInfo, "idle", {});
      break;
    }
    for (const os::Poller::Event& event : *events) handle(event);
    expire_setups();
    look_at_views();
    look_for_idle();
    mend_views(ended);
    kill_late();
    end_violated();
  }
  (void)options_.notifier.say("STOPPING=1");
  pending_.clear();  // without this end of their report they end, with what they have made so far
  if (options_.stores) leave_views();
  while (!views_.empty()) end_view(views_.begin()->first, "service stops");
  tell_manager_of_views();
  // Nothing is left behind, unless a disk holds a process up for longer than this.
  const int64_t deadline = now_milliseconds() + kFarewellMilliseconds;
  while (!ending_.empty() && now_milliseconds() < deadline) {
    kill_late();
    tell_manager();
    auto events = poller_.wait(100);
    if (!events.ok()) return events.failure();
    for (const os::Poller::Event& event : *events) {
      if (event.tag % kSources == kEnding) reap_ended(event.tag / kSources);
      if (event.tag % kSources == kMaker) take_started();
    }
  }
  return core::Done{};
}

void Service::handle(const os::Poller::Event& event) {
  const uint64_t id = event.tag / kSources;
  const auto source = static_cast<Source>(event.tag % kSources);
  switch (source) {
    case kListener:
      if (auto peer = os::accept_from(options_.listener.get()); peer.ok()) admit(*std::move(peer), true);
      return;
    case kSignals:
      for (auto signal = os::next_signal(signals_.get()); signal.ok(); signal = os::next_signal(signals_.get())) {
        stopping_ = stopping_ || *signal != SIGCHLD;
      }
      return reap_orphans();
    case kMaker:
      take_started();
      return;
    case kKeeper:
      keeper_ended();
      return;
    case kReport:
      take_report(id);
      return;
    case kEnding:
      reap_ended(id);
      return;
    default:
      handle_view(id, source, event.ended);
  }
}

void Service::handle_view(uint64_t id, Source source, bool ended) {
  // An event of a view that ended earlier in the same round.
  const auto found = views_.find(id);
  if (found == views_.end()) return;
  switch (source) {
    case kBrokerEvents:
    case kWorkerEvents:
      take_event(*found->second, source == kBrokerEvents);
      if (const auto view = views_.find(id); view != views_.end() && view->second->worker && view->second->silent_since != 0) {
        view->second->mend_at = view->second->silent_since + kLeaveMilliseconds;
        lacking_.insert(id);
      }
      return;
    case kConnection:
      if (ended) return end_view(id, "unmounted");  // or aborted: also where its worker does not notice
      attend(id, *found->second);
      if (found->second->info.resting) wake(id, *found->second);
      return;
    case kBrokerEnd:
      broker_ended(id, *found->second);
      return;
    case kWorkerEnd:
      worker_ended(id, *found->second);
      return;
    case kSpareEnd:
      spare_ended(id, *found->second);
      return;
    case kPeer:
      end_view(id, "client ended");
      return;
    default:
      return;
  }
}

void Service::admit(os::Fd peer, bool log_refusal) {
  auto identity = os::peer_of(peer.get());
  if (!identity.ok()) return;
  const size_t setups = pending_.size() - replacements_;
  const auto mine = std::count_if(pending_.begin(), pending_.end(), [&](const auto& entry) {
    return entry.second->identity.uid == identity->uid;
  });
  // One that was given up and cannot be killed, because of what its peer sent it, keeps its place.
  const auto stuck = std::count_if(ending_.begin(), ending_.end(), [&](const auto& entry) {
    return !entry.second.ours && entry.second.uid == identity->uid;
  });
  const auto refuse = [&](const core::Failure& why) {
    (void)os::set_nonblocking(peer.get());
    (void)os::send_message(peer.get(), wire::encode_reply({why.error, why.reason, 0, {}}));
    ++totals_.refused_peers[static_cast<size_t>(why.reason)];
  };
  const bool busy =
      setups >= core::Limits::kSetupsPerHost || mine + stuck >= core::Limits::kSetupsPerUser;
  if (busy || maker_gone_) {
    const core::Failure why = busy ? core::Failure{EAGAIN, core::Reason::kLimitSetups}
                                   : core::Failure{EIO, core::Reason::kChildFailed};
    refuse(why);
    log(Level::kWarning, "refused",
        {{"peer_uid", absl::StrCat(identity->uid)}, {"verdict", "refused"}, {"reason", describe(why)}});
    return;
  }
  auto report = os::socket_pair();
  if (!report.ok() || !os::set_nonblocking(report->first.get()).ok()) return;
  const uint64_t id = next_id();
  const bool with_others = setups >= core::Limits::kSetupsThatStart && options_.worker_idle_milliseconds > 0;
  if (auto asked = maker_.ask(id, log_refusal && log_has_room(), with_others, peer.get(), report->second.get()); !asked.ok()) {
    log(Level::kError, "maker-busy", {{"reason", describe(asked.failure())}});
    return refuse({EAGAIN, core::Reason::kLimitSetups});
  }
  (void)poller_.add(report->first.get(), tag(id, kReport));
  ++totals_.peers;
  pending_[id] = std::make_unique<Pending>(
      Pending{os::Fd(), std::move(peer), std::move(report->first), *std::move(identity),
              now_milliseconds() + int64_t{core::Limits::kSetupSeconds} * 1000, 0});
}

uint64_t Service::next_id() {
  const auto is_taken = [this](uint64_t id) {
    for (uint64_t other = id; other > core::Limits::kPrivateUids;) {
      other -= core::Limits::kPrivateUids;
      if (views_.contains(other) || pending_.contains(other)) return true;
    }
    return false;
  };
  do {
    ++last_id_;
  } while (is_taken(last_id_));
  return last_id_;
}

void Service::take_started() {
  auto started = maker_.started();
  if (!started.ok()) {
    if (started.failure().error == EAGAIN) return;
    // Views go on; new ones need a new service.
    log(Level::kError, "maker-ended", {{"reason", describe(started.failure())}});
    poller_.remove(maker_.channel());
    maker_gone_ = true;
    return close_old_watches();
  }
  if (started->id == closing_) closing_ = 0;
  close_old_watches();
  const auto found = pending_.find(started->id);
  if (found == pending_.end()) {
    put_end({std::move(started->process), false, {}, nullptr, 0, ~0u});  // it has done its work, or taken too long
  } else {
    found->second->process = std::move(started->process);
  }
}

void Service::take_report(uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending& pending = *found->second;
  const auto buffer = core::zeroed_memory<uint8_t>(wire::kReportMost);
  auto message = os::receive_message(pending.report.get(), {buffer.get(), wire::kReportMost}, kViewFds + 1);
  if (!message.ok() || message->length == 0) return finish_setup(id, true);
  auto report = wire::decode_report({buffer.get(), message->length});
  const bool made = report.ok() && (report->kind == wire::ReportKind::kMade ||
                                    report->kind == wire::ReportKind::kMadeResting);
  const bool connection = report.ok() && report->kind == wire::ReportKind::kMadeConnection;
  const bool worker = report.ok() && (report->kind == wire::ReportKind::kMadeWorker ||
                                      report->kind == wire::ReportKind::kMadeBoth);
  if (!report.ok() || worker != (pending.worker_of != 0) ||
      !is_of_kind(message->fds.size(), report->kind)) {
    return finish_setup(id, true);
  }
  if (report->kind == wire::ReportKind::kReload) {
    // The reply follows when both processes have the rules.
    const uint64_t which = table_.id_of(report->name, pending.identity.uid);
    const auto begun = begin_reload(id, which, std::move(report->rules));
    if (!begun.ok()) reply_to_setup(id, {begun.failure().error, begun.failure().reason, 0, {}});
    return;
  }
  if (report->kind == wire::ReportKind::kRefused) {
    if (report->after < wire::kReasons) ++totals_.refused_peers[report->after];
    return;
  }
  auto reply = made         ? add_view(id, report->uid, std::move(report->view),
                                   fds_of_view(report->kind, std::move(message->fds)))
               : connection ? add_connection(id, std::move(report->view), std::move(message->fds))
               : worker     ? take_worker(id, pending.worker_of, *report, std::move(message->fds))
                            : answer(id, pending, *report);
  const wire::Reply wanted = reply.ok() ? *reply
                                        : wire::Reply{reply.failure().error, reply.failure().reason, 0, {}};
  reply_to_setup(id, wanted);
  if (!pending_.contains(id)) return;
  if (report->kind == wire::ReportKind::kTotals && reply.ok()) {
    totals_.lines_left_out = log_lines_left_out();
    if (!os::send_message(pending.report.get(), wire::encode_totals(totals_)).ok()) finish_setup(id, true);
    return;
  }
  if (wanted.count == 0 || report->kind != wire::ReportKind::kNext) return;
  const auto next = std::find_if(views_.upper_bound(report->after), views_.end(), [&](const auto& view) {
    return table_.may_see(view.first, pending.identity.uid);
  });
  if (next == views_.end() ||
      !os::send_message(pending.report.get(), wire::encode_view(info_of(*next->second))).ok()) {
    finish_setup(id, true);
  }
}

core::Result<wire::Reply> Service::answer(uint64_t id, const Pending& pending,
                                          const wire::Report& report) {
  const uint32_t peer = pending.identity.uid;
  if (report.kind == wire::ReportKind::kReserve) {
    auto entry = table_.reserve(id, peer, report.uid, report.name);
    if (!entry.ok()) return entry.failure();
    return wire::Reply{0, core::Reason::kNone, (*entry)->grants, (*entry)->name};
  }
  if (report.kind == wire::ReportKind::kReserveConnection) {
    ViewTable::Stuck stuck;
    for (const auto& [which, ending] : ending_) {
      stuck.grants_on_host += ending.grants;
      if (!ending.ours || ending.uid != peer) continue;
      ++stuck.brokers;
      stuck.grants += ending.grants;
    }
    auto entry = table_.reserve_connection(id, peer, static_cast<uint32_t>(report.after), stuck);
    if (!entry.ok()) return entry.failure();
    return wire::Reply{0, core::Reason::kNone, (*entry)->grants, (*entry)->name};
  }
  if (report.kind == wire::ReportKind::kEnd) {
    const uint64_t which = table_.id_of(report.name, peer);
    if (!views_.contains(which)) return core::Failure{ENOENT, core::Reason::kNoSuchView};
    end_view(which, "asked for");
    return wire::Reply{};
  }
  if (report.kind == wire::ReportKind::kTotals) {
    if (peer != 0) return core::Failure{EPERM, core::Reason::kNotPermitted};
    return wire::Reply{0, core::Reason::kNone, 1, {}};
  }
  const bool more = std::any_of(views_.upper_bound(report.after), views_.end(), [&](const auto& view) {
    return table_.may_see(view.first, peer);
  });
  return wire::Reply{0, core::Reason::kNone, more ? 1u : 0u, {}};
}

void Service::reply_to_setup(uint64_t id, const wire::Reply& reply) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  const int report = found->second->report.get();
  if (!os::send_message(report, wire::encode_reply(reply)).ok()) finish_setup(id, true);
}

void Service::finish_setup(uint64_t id, bool in_time) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  if (!in_time) {
    log(Level::kWarning, "setup-timeout",
        {{"peer_uid", absl::StrCat(found->second->identity.uid)}});
  }
  const std::unique_ptr<Pending> pending = std::move(found->second);
  pending_.erase(found);
  poller_.remove(pending->report.get());
  if (!views_.contains(id)) table_.release(id);
  if (pending->worker_of != 0) end_replacement(id, *pending);
  for (auto& [which, view] : views_) {
    if (view->reload == id) view->reload = kNobody;  // it goes on all the same
  }
  if (pending->process) put_end({std::move(pending->process), false, {}, nullptr, 0, pending->identity.uid});
}

void Service::expire_setups() {
  std::vector<uint64_t> late;
  for (const auto& [id, pending] : pending_) {
    if (pending->deadline <= now_milliseconds()) late.push_back(id);
  }
  for (const uint64_t id : late) finish_setup(id, false);
}

}  // namespace sluice::service
