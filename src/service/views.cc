// Views and foreign connections as the main process keeps them: how they come to it, and go.
#include <absl/strings/str_cat.h>

#include <utility>

#include "core/grafts.h"
#include "os/poller.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"
#include "service/setup.h"

namespace sluice::service {
namespace {

// What decides is what was reserved, whatever the set-up process says.
void take_reserved(wire::ViewInfo& info, uint64_t id, const ViewTable::Entry& entry) {
  info.id = id;
  info.name = entry.name;
  info.uid = entry.uid;
  info.owner = entry.owner;
  info.most_grants = entry.grants;
  info.foreign = entry.connection != 0;
  if (info.foreign) info.connection = entry.connection;
}

// "": of a view that began at rest, and has none yet.
std::string process_of(int32_t pid) { return pid == 0 ? std::string() : absl::StrCat(pid); }

}  // namespace

core::Result<wire::Reply> Service::add_view(uint64_t id, uint32_t trees, wire::ViewInfo info, ViewFds fds) {
  const ViewTable::Entry* entry = table_.find(id);
  if (entry == nullptr || entry->connection != 0 || views_.contains(id)) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  if (trees > 1 + core::kMostGrafts || (trees != 0) != static_cast<bool>(fds.park)) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  auto view = std::make_unique<View>();
  static_cast<ViewFds&>(*view) = std::move(fds);
  view->trees = trees;
  view->recovery.started(now_milliseconds());
  // The connection stays with the view, which ends with it or lets go of it.
  if (info.tied) view->peer = std::move(pending_.find(id)->second->peer);
  take_reserved(info, id, *entry);
  info.resting = !view->worker;
  if (info.resting) info.broker_pid = info.worker_pid = 0;
  view->without_broker = !view->broker;
  view->info = std::move(info);
  for (const os::Fd* events : {&view->broker_events, &view->worker_events}) {
    if (!*events) continue;
    if (auto set = os::set_nonblocking(events->get()); !set.ok()) return set.failure();
  }
  watch(id, *view);
  begin_idleness(id, *view);
  plan_spare(*view);
  (void)store(*view);
  const wire::ViewInfo& of = view->info;
  log(Level::kInfo, "view-started",
      {{"view", of.name}, {"connection", absl::StrCat(of.connection)}, {"source", of.source}, {"target", of.target},
       {"uid", absl::StrCat(of.uid)}, {"owner", absl::StrCat(of.owner)},
       {"peer_uid", absl::StrCat(of.owner)}, {"peer_unit", of.unit},
       {"access", of.read_only ? "ro" : "rw"}, {"rules", absl::StrCat(of.rules)},
       {"broker", process_of(of.broker_pid)}, {"worker", process_of(of.worker_pid)}}, true);
  ++totals_.views_started;
  views_[id] = std::move(view);
  return wire::Reply{};
}

void Service::watch(uint64_t id, const View& view) {
  (void)poller_.add_once(view.device.get(), tag(id, kConnection));
  if (view.broker) watch_broker(id, view);
  if (view.worker_events) (void)poller_.add(view.worker_events.get(), tag(id, kWorkerEvents));
  if (view.worker) (void)poller_.add(view.worker.get(), tag(id, kWorkerEnd));
  if (view.peer) (void)poller_.add(view.peer.get(), tag(id, kPeer));
}

void Service::watch_broker(uint64_t id, const View& view) {
  (void)poller_.add(view.broker_events.get(), tag(id, kBrokerEvents));
  (void)poller_.add(view.broker.get(), tag(id, kBrokerEnd));
}

core::Result<wire::Reply> Service::add_connection(uint64_t id, wire::ViewInfo info, std::vector<os::Fd> fds) {
  const ViewTable::Entry* entry = table_.find(id);
  if (entry == nullptr || entry->connection == 0 || views_.contains(id)) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  auto view = std::make_unique<View>();
  view->broker = std::move(fds[kConnectionBroker]);
  view->broker_events = std::move(fds[kConnectionBrokerEvents]);
  take_reserved(info, id, *entry);
  info.resting = false;
  info.worker_pid = 0;
  view->info = std::move(info);
  if (auto set = os::set_nonblocking(view->broker_events.get()); !set.ok()) return set.failure();
  watch_broker(id, *view);
  (void)store(*view);
  const wire::ViewInfo& of = view->info;
  log(Level::kInfo, "connection-started",
      {{"view", of.name}, {"connection", absl::StrCat(of.connection)}, {"target", of.target},
       {"uid", absl::StrCat(of.uid)}, {"peer_uid", absl::StrCat(of.owner)}, {"peer_unit", of.unit},
       {"broker", absl::StrCat(of.broker_pid)}}, true);
  ++totals_.connections_started;
  ++connections_here_;
  views_[id] = std::move(view);
  return wire::Reply{};
}

void Service::end_view(uint64_t id, const char* why) {
  const auto found = views_.find(id);
  if (found == views_.end()) return;
  const std::unique_ptr<View> view = std::move(found->second);
  const wire::ViewInfo& of = view->info;
  views_.erase(found);
  ++(of.foreign ? totals_.connections_ended : totals_.views_ended);
  if (of.foreign) --connections_here_;
  table_.release(id);
  lacking_.erase(id);
  drop_spare(id, *view);
  for (const os::Fd* fd : {&view->device, &view->broker_events, &view->worker_events, &view->broker,
                           &view->worker, &view->peer}) {
    if (*fd) poller_.remove(fd->get());
  }
  for (auto [process, name] : {std::pair<os::Fd*, const char*>{&view->broker, "broker"},
                               std::pair<os::Fd*, const char*>{&view->worker, "worker"}}) {
    if (!*process) continue;  // a foreign connection has no worker, and a view may have none just now
    Ending ending{std::move(*process), true, of.name, name, now_milliseconds(), of.foreign ? of.owner : ~0u,
                  of.foreign ? of.most_grants : 0};
    if (!reap(ending)) put_end(std::move(ending));
  }
  let_go_of(std::move(view->watch));
  // What the manager holds of it holds nothing any more, whenever it hears that.
  view->record.clear();
  if (view->left_to_manager) words_.push_back({stored_name(id), 0});
  if (view->reload != 0) reply_to_setup(view->reload, {ENOENT, core::Reason::kNoSuchView, 0, {}});
  log(Level::kInfo, of.foreign ? "connection-ended" : "view-ended",
      {{"view", of.name}, {"connection", absl::StrCat(of.connection)}, {"why", why}}, true);
  // The last descriptors of a view's connection close here: the kernel aborts it, and its clients are free. That of
  // another server is its own, and goes on without what its broker granted, which closes it.
}

}  // namespace sluice::service
