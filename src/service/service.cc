#include "service/service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <ctime>

#include "core/limits.h"
#include "os/channel.h"
#include "os/memory_file.h"
#include "service/log.h"
#include "service/setup.h"
#include "wire/counters.h"
#include "wire/event.h"

namespace sluice::service {
namespace {

// SIGSYS: what a seccomp policy kills with.
constexpr int kSigsys = 31;
constexpr int64_t kFarewellSeconds = 2;

int64_t now_seconds() {
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

}  // namespace

core::Result<std::unique_ptr<Service>> Service::create(Options options, Executables executables) {
  auto poller = os::Poller::create();
  if (!poller.ok()) return poller.failure();
  auto signals = os::termination_signals();
  if (!signals.ok()) return signals.failure();
  // Brokers and workers are made by set-up processes that exit; then they are ours.
  if (auto reaper = os::become_reaper(); !reaper.ok()) return reaper.failure();
  return std::unique_ptr<Service>(new Service(std::move(options), std::move(executables),
                                              *std::move(poller), *std::move(signals)));
}

Service::Service(Options options, Executables executables, os::Poller poller, os::Fd signals)
    : options_(std::move(options)),
      executables_(std::move(executables)),
      poller_(std::move(poller)),
      signals_(std::move(signals)) {}

core::Outcome Service::run() {
  const bool embedded = static_cast<bool>(options_.first_peer);
  if (auto added = poller_.add(signals_.get(), tag(0, kSignals)); !added.ok()) return added;
  if (options_.listener) {
    if (auto added = poller_.add(options_.listener.get(), tag(0, kListener)); !added.ok()) {
      return added;
    }
  }
  if (embedded) admit(std::move(options_.first_peer), false);
  while (!stopping_ && !(embedded && views_.empty() && pending_.empty())) {
    auto events = poller_.wait(pending_.empty() ? -1 : 1000);
    if (!events.ok()) return events.failure();
    for (const uint64_t event : *events) handle(event);
    expire_setups();
  }
  while (!pending_.empty()) finish_setup(pending_.begin()->first, false);
  while (!views_.empty()) end_view(views_.begin()->first, "service stops");
  // Nothing is left behind, unless a disk holds a process up for longer than this.
  const int64_t deadline = now_seconds() + kFarewellSeconds;
  while (!ending_.empty() && now_seconds() < deadline) {
    auto events = poller_.wait(100);
    if (!events.ok()) return events.failure();
    for (const uint64_t event : *events) {
      if (event % kSources == kEnding) reap_ended(event / kSources);
    }
  }
  return core::Done{};
}

void Service::handle(uint64_t event) {
  const uint64_t id = event / kSources;
  const auto source = static_cast<Source>(event % kSources);
  switch (source) {
    case kListener:
      if (auto peer = os::accept_from(options_.listener.get()); peer.ok()) admit(*std::move(peer), true);
      return;
    case kSignals:
      stopping_ = true;
      return;
    case kReport:
      take_report(id);
      return;
    case kEnding:
      reap_ended(id);
      return;
    default:
      break;
  }
  // An event of a view that ended earlier in the same round.
  const auto found = views_.find(id);
  if (found == views_.end()) return;
  View& view = *found->second;
  switch (source) {
    case kBrokerEvents:
    case kWorkerEvents:
      log_events(view, source == kBrokerEvents);
      return;
    case kBrokerEnd:
      end_view(id, "broker ended");
      return;
    case kWorkerEnd:
      end_view(id, "worker ended");
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
  const auto mine = std::count_if(pending_.begin(), pending_.end(), [&](const auto& entry) {
    return entry.second->identity.uid == identity->uid;
  });
  if (pending_.size() >= core::Limits::kSetupsPerHost || mine >= core::Limits::kSetupsPerUser) {
    const core::Failure busy{EAGAIN, core::Reason::kLimitSetups};
    (void)os::set_nonblocking(peer.get());
    (void)os::send_message(peer.get(), wire::encode_reply({busy.error, busy.reason, 0, {}}));
    log(Level::kWarning, "refused",
        {{"peer_uid", absl::StrCat(identity->uid)}, {"reason", describe(busy)}});
    return;
  }
  auto report = os::socket_pair();
  if (!report.ok()) return;
  const uint64_t id = ++last_id_;
  Setup setup{peer.get(), report->second.get(), *identity, &executables_, options_.may_preserve,
              log_refusal, id, snapshot()};
  const int keep[] = {peer.get(), report->second.get(), executables_.broker.get(),
                      executables_.worker.get()};
  auto child = os::fork_helper(
      keep, [](void* argument) { run_setup(*static_cast<Setup*>(argument)); }, &setup);
  if (!child.ok()) {
    log(Level::kError, "fork-failed", {{"reason", describe(child.failure())}});
    return;
  }
  auto pending = std::make_unique<Pending>();
  pending->child = *std::move(child);
  pending->peer = std::move(peer);
  pending->report = std::move(report->first);
  pending->identity = *std::move(identity);
  pending->deadline = now_seconds() + core::Limits::kSetupSeconds;
  (void)poller_.add(pending->report.get(), tag(id, kReport));
  pending_[id] = std::move(pending);
}

void Service::take_report(uint64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(found->second->report.get(), buffer, kReportFds);
  if (!message.ok() || message->length == 0) return finish_setup(id, true);
  auto info = wire::decode_view({buffer.data(), message->length});
  if (!info.ok()) return finish_setup(id, true);
  if (message->fds.empty()) {
    end_view(info->id, "asked for");
  } else if (message->fds.size() == kReportFds && info->id == id) {
    // The connection stays with the view, which ends with it or lets go of it.
    os::Fd peer = info->tied ? std::move(found->second->peer) : os::Fd();
    add_view(id, *std::move(info), std::move(message->fds), std::move(peer));
  }
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
  put_end(std::move(pending->child));
}

void Service::put_end(os::Child child) {
  os::kill_child(child);
  const uint64_t id = ++last_id_;
  (void)poller_.add(child.pidfd.get(), tag(id, kEnding));
  ending_[id] = std::move(child);
}

void Service::reap_ended(uint64_t id) {
  const auto found = ending_.find(id);
  if (found == ending_.end()) return;
  const auto ending = os::reap(found->second.pidfd.get());
  if (!ending.ok() && ending.failure().error == ECHILD && !pending_.empty()) {
    // Its parent, a set-up process, is not quite gone; then it is ours, and is tried again.
    poller_.remove(found->second.pidfd.get());
    return;
  }
  poller_.remove(found->second.pidfd.get());
  ending_.erase(found);
  // Those that were put off, now that some set-up process may have gone.
  std::vector<uint64_t> others;
  for (const auto& [other, child] : ending_) others.push_back(other);
  for (const uint64_t other : others) {
    if (const auto late = os::reap(ending_.find(other)->second.pidfd.get()); late.ok()) {
      poller_.remove(ending_.find(other)->second.pidfd.get());
      ending_.erase(other);
    }
  }
}

void Service::expire_setups() {
  std::vector<uint64_t> late;
  for (const auto& [id, pending] : pending_) {
    if (pending->deadline <= now_seconds()) late.push_back(id);
  }
  for (const uint64_t id : late) finish_setup(id, false);
}

void Service::add_view(uint64_t id, wire::ViewInfo info, std::vector<os::Fd> fds, os::Fd peer) {
  auto view = std::make_unique<View>();
  view->device = std::move(fds[kDevice]);
  view->broker = {info.broker_pid, std::move(fds[kBrokerPid])};
  view->worker = {info.worker_pid, std::move(fds[kWorkerPid])};
  view->broker_events = std::move(fds[kBrokerEvents]);
  view->worker_events = std::move(fds[kWorkerEvents]);
  view->counters = std::move(fds[kCounters]);
  view->peer = std::move(peer);
  view->info = std::move(info);
  (void)poller_.add(view->broker_events.get(), tag(id, kBrokerEvents));
  (void)poller_.add(view->worker_events.get(), tag(id, kWorkerEvents));
  (void)poller_.add(view->broker.pidfd.get(), tag(id, kBrokerEnd));
  (void)poller_.add(view->worker.pidfd.get(), tag(id, kWorkerEnd));
  if (view->peer) (void)poller_.add(view->peer.get(), tag(id, kPeer));
  const wire::ViewInfo& of = view->info;
  log(Level::kInfo, "view-started",
      {{"view", of.name}, {"source", of.source}, {"target", of.target},
       {"uid", absl::StrCat(of.uid)}, {"owner", absl::StrCat(of.owner)},
       {"access", of.read_only ? "ro" : "rw"}, {"rules", absl::StrCat(of.rules)},
       {"broker", absl::StrCat(of.broker_pid)}, {"worker", absl::StrCat(of.worker_pid)}});
  views_[id] = std::move(view);
}

void Service::log_events(View& view, bool from_broker) {
  const os::Fd& events = from_broker ? view.broker_events : view.worker_events;
  uint8_t message[wire::kEventMost];
  auto length = os::read_message(events.get(), message);
  if (!length.ok() || *length == 0) {
    poller_.remove(events.get());  // its process is ending, which is noticed by itself
    return;
  }
  auto event = wire::decode_event({message, *length});
  if (!event.ok()) return;
  const core::Failure why{event->header.error, static_cast<core::Reason>(event->header.reason)};
  const bool granted = event->header.kind == wire::EventKind::kGranted;
  log(granted ? Level::kInfo : Level::kNotice,
      granted ? "granted" : event->header.kind == wire::EventKind::kRefused ? "refused" : "failed",
      {{"view", view.info.name}, {"process", from_broker ? "broker" : "worker"},
       {"uid", absl::StrCat(view.info.uid)}, {"reason", describe(why)},
       {"path", std::string(event->text)}, {"dropped", absl::StrCat(event->header.dropped)}});
}

void Service::end_view(uint64_t id, const char* why) {
  const auto found = views_.find(id);
  if (found == views_.end()) return;
  const std::unique_ptr<View> view = std::move(found->second);
  views_.erase(found);
  for (const os::Fd* fd : {&view->broker_events, &view->worker_events, &view->broker.pidfd,
                           &view->worker.pidfd, &view->peer}) {
    if (*fd) poller_.remove(fd->get());
  }
  // A process that was killed by its own policy is an event of its own.
  for (const auto& [child, name] : {std::pair<os::Child*, const char*>{&view->broker, "broker"}, {&view->worker, "worker"}}) {
    const auto ending = os::reap(child->pidfd.get());
    if (!ending.ok()) {
      put_end(std::move(*child));
    } else if (!ending->exited) {
      log(Level::kError,
          ending->code == kSigsys ? core::reason_name(core::Reason::kConfinementViolated) : "killed",
          {{"view", view->info.name}, {"process", name}, {"signal", absl::StrCat(ending->code)}});
    }
  }
  log(Level::kInfo, "view-ended", {{"view", view->info.name}, {"why", why}});
  // The last descriptors of the connection close here: the kernel aborts it, and its clients are free.
}

std::vector<wire::ViewInfo> Service::snapshot() const {
  std::vector<wire::ViewInfo> views;
  for (const auto& [id, view] : views_) {
    wire::ViewInfo info = view->info;
    void* page = os::map_counters(view->counters.get(), wire::kCounterPage, false);
    if (page != nullptr) {
      const auto* counters = static_cast<const wire::Counters*>(page);
      for (size_t i = 0; i < wire::Counters::kOpcodes; ++i) info.requests[i] = counters->requests[i];
      info.nodes = counters->nodes;
      info.grants = counters->grants;
      info.grants_asked = counters->grants_asked;
      info.grants_kept = counters->grants_kept;
      os::unmap_counters(page, wire::kCounterPage);
    }
    views.push_back(std::move(info));
  }
  return views;
}

}  // namespace sluice::service
