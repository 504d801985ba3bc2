// Views, and connections of other servers, that outlive a service: what it leaves of them with the service manager, and how it
// takes over those of the service before it.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "os/socket.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"

namespace sluice::service {

core::Outcome Service::store(View& view) {
  if (!options_.stores) return core::Done{};
  wire::StoredView stored;
  stored.knows_rest = view.knows_rest;
  stored.info = view.info;
  // Also while another worker is on its way.
  stored.info.resting = !view.info.foreign && !view.worker_events;
  stored.trees = view.trees;
  if (view.reloaded) stored.other_rules = view.rules;
  const bool first = !view.record;
  auto put = view.record.put(wire::encode_stored_view(stored), numbers_of(view));
  if (!put.ok()) {
    log(Level::kWarning, "view-not-stored", {{"view", view.info.name}, {"reason", describe(put.failure())}});
  } else if (first) {
    words_.push_back({stored_name(view.info.id), view.info.id});
  }
  return put;
}

// In their order; what the manager does not take now it is told later.
void Service::tell_manager_of_views() {
  const Notifier& manager = options_.keeper ? options_.keeper : options_.notifier;
  for (; !words_.empty(); words_.pop_front()) {
    const Word& word = words_.front();
    if (word.keep == 0) {
      if (!manager.let_go(word.name)) return;
      continue;
    }
    const auto view = views_.find(word.keep);
    if (view == views_.end()) continue;
    if (!manager.keep(word.name, view->second->record.socket())) return;
    view->second->left_to_manager = true;
  }
}

void Service::take_over(Found found) {
  for (const std::string& name : found.refused) words_.push_back({name, 0});
  for (FoundView& view : found.views) take_over_view(std::move(view));
}

void Service::take_over_view(FoundView found) {
  const uint64_t id = found.view.info.id;
  last_id_ = std::max(last_id_, id);
  auto view = std::make_unique<View>();
  static_cast<ViewFds&>(*view) = std::move(found.fds);
  view->record = std::move(found.record);
  view->left_to_manager = true;
  view->info = std::move(found.view.info);
  view->knows_rest = found.view.knows_rest;
  view->trees = found.view.trees;
  view->worker_of_another = view->broker_of_another = true;
  view->without_broker = !view->broker;
  view->recovery.started(now_milliseconds());
  const wire::ViewInfo& of = view->info;
  table_.restore(id, {of.owner, of.uid, of.most_grants, of.name, of.foreign ? of.connection : 0});
  if (found.view.other_rules) {
    view->rules = *std::move(found.view.other_rules);
    view->reloaded = true;
    view->info.rules = static_cast<uint32_t>(view->rules.size());
  }
  if (of.foreign) {
    ++connections_here_;
    watch_broker(id, *view);
  } else {
    watch(id, *view);
    begin_idleness(id, *view);
    plan_spare(*view);
  }
  if (!of.foreign && !view->worker && !of.resting) {
    view->mend_at = now_milliseconds();
    lacking_.insert(id);
  }
  log(Level::kNotice, of.foreign ? "connection-taken-over" : "view-taken-over",
      {{"view", of.name}, {"connection", absl::StrCat(of.connection)}, {"source", of.source}, {"target", of.target},
       {"uid", absl::StrCat(of.uid)}, {"owner", absl::StrCat(of.owner)}, {"broker", absl::StrCat(of.broker_pid)},
       {"worker", absl::StrCat(of.worker_pid)}}, true);
  // The service before this one may have ended before the broker had the rules that it stored.
  const bool again = view->reloaded;
  View& taken = *(views_[id] = std::move(view));
  if (!again || !taken.broker) return;
  taken.reload = kNobody;
  taken.broker_has_rules = false;
  if (!os::send_message(taken.broker_events.get(), taken.rules.bytes()).ok()) end_view(id, "broker does not listen");
}

// It says nothing while it lives. What it held is held by this process alone, and so are views that come.
void Service::keeper_ended() {
  poller_.remove(options_.keeper.socket());
  options_.keeper = Notifier();
  options_.stores = false;
  words_.clear();
  for (auto& [id, view] : views_) {
    view->left_to_manager = false;
    view->record.clear();  // of no use to anybody: by it a keeper that is there after all would have old rules
  }
  log(Level::kError, "keeper-ended", {{"views", absl::StrCat(views_.size())}});
}

// Those that the manager has go on: without this process, and with the next one.
void Service::leave_views() {
  tell_manager_of_views();
  const size_t before = views_.size();
  absl::erase_if(views_, [](const auto& view) { return view.second->left_to_manager; });
  if (before != views_.size()) log(Level::kNotice, "views-left", {{"views", absl::StrCat(before - views_.size())}});
}

}  // namespace sluice::service
