// What brokers and workers say of a view: logged and counted, and nothing is decided by it.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "core/limits.h"
#include "os/channel.h"
#include "os/memory_file.h"
#include "os/shared_file.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"
#include "wire/counters.h"
#include "wire/event_reader.h"

namespace sluice::service {
namespace {

constexpr uint32_t kKindsOfEvents = 3;  // granted, refused, failed

}  // namespace

void Service::take_event(View& view, bool from_broker) {
  const os::Fd& events = from_broker ? view.broker_events : view.worker_events;
  uint8_t message[wire::kEventMost];
  auto length = os::read_message(events.get(), message);
  if (!length.ok() && length.failure().error == EAGAIN) return;  // another worker's, of the one before this
  if (!length.ok() || *length == 0) {
    poller_.remove(events.get());  // its process is ending, which is noticed by itself
    if (from_broker) return;
    view.silent_since = now_milliseconds();
    if (view.worker) os::kill_process(view.worker.get());  // it may be at something all the same: mend()
    return;
  }
  auto event = wire::decode_event({message, *length});
  if (!event.ok()) return;
  if (event->header.kind == wire::EventKind::kReady) {
    if (from_broker || !std::exchange(view.beginning, false)) return;
    lacking_.erase(view.info.id);
    return worker_serves(view.info.id, view, false);
  }
  if (event->header.kind == wire::EventKind::kReloaded) {
    return go_on_reloading(view, from_broker, event->header.op);
  }
  if (from_broker) {
    view.dropped += event->header.dropped;
    totals_.dropped += event->header.dropped;
  }
  // Only a broker grants, and only its refusals are somebody's: a worker could say any number.
  const bool refused = event->header.kind == wire::EventKind::kRefused;
  const bool granted = from_broker && event->header.kind == wire::EventKind::kGranted;
  if (granted) {
    ++view.granted;
    ++totals_.granted;
  }
  if (from_broker && refused) {
    ++view.refused[event->header.reason];
    ++totals_.refused_requests[event->header.reason];
  }
  log_event(view, from_broker, *event);
}

void Service::log_event(View& view, bool from_broker, const wire::DecodedEvent& event) {
  const bool refused = event.header.kind == wire::EventKind::kRefused;
  const bool granted = from_broker && event.header.kind == wire::EventKind::kGranted;
  const bool audited = options_.audit && from_broker && (granted || refused);
  // They keep to a limit for each kind of event themselves, unless they were taken over.
  View::Lines& lines = from_broker ? view.broker_lines : view.worker_lines;
  if (const int64_t second = now_milliseconds() / 1000; lines.second != second) {
    lines.second = second;
    lines.logged = 0;
  }
  if (!audited && ++lines.logged > kKindsOfEvents * core::Limits::kLogLinesPerSecond) {
    ++lines.dropped;
    return;
  }
  const uint32_t dropped = event.header.dropped + std::exchange(lines.dropped, 0);
  const core::Failure why{event.header.error, static_cast<core::Reason>(event.header.reason)};
  // What a rename or link would have made.
  const size_t first = refused ? std::min<uint64_t>(event.header.grant, event.text.size()) : event.text.size();
  log(granted ? Level::kInfo : Level::kNotice,
      granted   ? "granted"
      : refused ? "refused"
                : "failed",
      {{"view", view.info.name},
       {"connection", absl::StrCat(view.info.connection)},
       {"process", from_broker ? "broker" : "worker"},
       {"uid", absl::StrCat(view.info.uid)},
       {"peer_uid", absl::StrCat(view.info.owner)},
       {"peer_unit", view.info.unit},
       {"grant", absl::StrCat(granted ? event.header.grant : 0)},
       {"verdict", granted   ? "granted"
                   : refused ? "refused"
                             : "none"},
       {"reason", describe(why)},
       {"path", std::string(event.text.substr(0, first))},
       {"to", std::string(event.text.substr(first))},
       {"dropped", absl::StrCat(dropped)}},
      audited);
}

wire::ViewInfo Service::info_of(const View& view) const {
  wire::ViewInfo info = view.info;
  info.granted = view.granted;
  info.dropped = view.dropped;
  std::copy(std::begin(view.refused), std::end(view.refused), std::begin(info.refused));
  if (view.info.foreign) return info;  // nobody counts there
  void* page = os::map_counters(view.counters.get(), wire::kCounterPage, false);
  if (page == nullptr) return info;
  const auto* counters = static_cast<const wire::Counters*>(page);
  for (size_t i = 0; i < wire::Counters::kOpcodes; ++i) info.requests[i] = counters->requests[i];
  for (size_t i = 0; i < wire::Counters::kAbout; ++i) {
    const wire::Counters::Times& times = counters->times[i];
    std::copy(std::begin(times.count), std::end(times.count), std::begin(info.times[i].count));
    info.times[i].nanoseconds = times.nanoseconds;
  }
  info.nodes = counters->nodes;
  info.grants = counters->grants;
  info.grants_asked = counters->grants_asked;
  info.grants_kept = counters->grants_kept;
  os::unmap_counters(page, wire::kCounterPage);
  return info;
}

}  // namespace sluice::service
