#include "service/store.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "core/limits.h"
#include "os/file.h"
#include "os/foreign.h"
#include "os/memory_file.h"
#include "os/poller.h"
#include "os/channel.h"
#include "os/process.h"
#include "os/socket.h"
#include "os/vouched.h"
#include "service/foreign_broker.h"
#include "service/log.h"
#include "service/park.h"
#include "service/processes.h"
#include "service/setup.h"
#include "wire/counters.h"
#include "wire/fuse.h"
#include "wire/fuse_reply.h"
#include "wire/node_record.h"
#include "wire/worker_start.h"

namespace sluice::service {
namespace {

constexpr core::Failure kForged{EPROTO, core::Reason::kProtocol};
constexpr size_t kMostStoredFds = 6 + 2 + kKeptLeast + core::kMostGrafts;
constexpr size_t kMostLedgerBytes = size_t{core::Limits::kGrantsPerView} * 1024;
constexpr int kMostRecords = 8;  // in one socket: more than one only of a service that was killed meanwhile

struct Refusal {
  const char* what;  // cannot be right
  core::Failure why = kForged;
};
using Checked = std::optional<Refusal>;

// The order in which they lie behind the record's own end, as stored_view.h means it.
core::Result<ViewFds> take_in_order(const wire::StoredView& view, std::span<os::Fd> fds) {
  ViewFds of;
  if (view.info.foreign) {
    if (fds.size() != kConnectionFds) return kForged;
    of.broker = std::move(fds[0]);
    of.broker_events = std::move(fds[1]);
    return of;
  }
  std::vector<os::Fd*> places = {&of.device};
  if (view.info.broker_pid != 0) places.insert(places.end(), {&of.broker, &of.broker_events});
  if (!view.info.resting) places.push_back(&of.worker_events);
  places.push_back(&of.counters);
  if (view.info.worker_pid != 0) places.push_back(&of.worker);
  if (view.info.tied) places.push_back(&of.peer);
  const size_t kept = view.trees == 0 ? 0 : kKeptRoot + view.trees;
  if (view.version == wire::kStoredViewOfFirst) {
    if (fds.size() != places.size() + kept) return kForged;
    if (kept > 0) {
      auto parked = park(numbers_of(fds.subspan(places.size())), private_uid_of(view.info.id));
      if (!parked.ok()) return parked.failure();
      of.park = *std::move(parked);
    }
    fds = fds.first(places.size());
  } else if (kept > 0) {
    places.push_back(&of.park);
  }
  if (fds.size() != places.size()) return kForged;
  for (size_t i = 0; i < fds.size(); ++i) *places[i] = std::move(fds[i]);
  return of;
}

// Whose uids nobody else has: the kernel vouches for who they are.
Checked check_process(const char* what, int pidfd, int32_t pid, uint32_t real_uid) {
  const auto process = os::look_at_process(pidfd);
  if (!process.ok()) return Refusal{what, process.failure()};
  if (!process->ended && (process->pid != pid || process->real_uid != real_uid)) return Refusal{what};
  return std::nullopt;
}

// Whose connection it is, and its share: what the broker acts as, and may hold.
Checked check_server(int pidfd, const wire::ViewInfo& info) {
  const auto process = os::look_at_process(pidfd);
  if (!process.ok()) return Refusal{"broker", process.failure()};
  if (process->ended) return std::nullopt;
  if (process->effective_uid != info.uid) return Refusal{"server"};
  if (process->most_files != most_files_of_connection(info.most_grants)) return Refusal{"share"};
  return std::nullopt;
}

Checked check_processes(const wire::ViewInfo& info, const ViewFds& fds) {
  if (!fds.broker) return std::nullopt;  // nor has it a worker
  const uint32_t own = private_uid_of(info.id);
  if (auto wrong = check_process("broker", fds.broker.get(), info.broker_pid, own)) return wrong;
  if (info.foreign) return check_server(fds.broker.get(), info);
  if (!fds.worker) return std::nullopt;
  return check_process("worker", fds.worker.get(), info.worker_pid, info.preserve ? 0 : own);
}

// What the next worker is started with. Whom it acts as, and what it sees, is in a file that nobody can have changed.
Checked check_kept(const wire::StoredView& view, int park, Programs programs) {
  if (park < 0) return std::nullopt;
  if (!os::is_channel(park, 0)) return Refusal{"park"};
  const auto parked = look_into_park(park);
  if (!parked.ok() || parked->size() != kKeptRoot + view.trees) return Refusal{"descriptors"};
  const std::vector<os::Fd>& kept = *parked;
  for (const int channel : {kKeptGrantRw, kKeptGrantRo, kKeptData}) {
    if (!os::is_channel(kept[channel].get(), 0)) return Refusal{"channel"};
  }
  if (!os::is_memory(kept[kKeptTable].get(), wire::kTableBytes, wire::kTableBytes, false)) return Refusal{"table"};
  if (!os::is_pipe_or_null(kept[kKeptRecord].get())) return Refusal{"record of touches"};
  if (!os::is_program(programs.worker, kept[kKeptProgram].get())) return Refusal{"program"};
  if (!os::is_program(programs.broker, kept[kKeptBrokerProgram].get())) return Refusal{"program of the broker"};
  // Its layout is that program's own affair.
  if (!os::is_memory(kept[kKeptLedger].get(), 1, kMostLedgerBytes, false)) return Refusal{"ledger"};
  for (size_t i = kKeptRoot; i < kept.size(); ++i) {
    if (!os::is_tree(kept[i].get())) return Refusal{"tree"};
  }
  if (!os::is_memory(kept[kKeptStart].get(), 1, wire::kWorkerStartMost, true)) return Refusal{"configuration"};
  const auto bytes = os::read_sealed_file(kept[kKeptStart].get(), wire::kWorkerStartMost);
  if (!bytes.ok()) return Refusal{"configuration", bytes.failure()};
  const auto start = wire::decode_worker_start(*bytes);
  if (!start.ok()) return Refusal{"configuration", start.failure()};
  const wire::ViewConfig& config = start->config;
  const wire::ViewInfo& info = view.info;
  const uint32_t own = private_uid_of(info.id);
  if (config.private_uid != own || config.uid != (info.preserve ? own : info.uid) ||
      config.preserve != info.preserve || config.read_only != info.read_only ||
      config.device_nodes != info.device_nodes ||
      1 + config.grafts.size() != view.trees) {
    return Refusal{"configuration"};
  }
  return std::nullopt;
}

Checked check_descriptors(const wire::StoredView& view, const ViewFds& fds, Programs programs) {
  if (view.info.foreign) {
    return os::is_channel(fds.broker_events.get(), 0) ? Checked() : Refusal{"events"};
  }
  const auto connection = os::connection_served_by(fds.device.get());
  // Not mounted: it has ended, which is heard of in the same way as of any other; or the kernel does not say.
  if (connection.ok() ? *connection != view.info.connection
                      : connection.failure().reason != core::Reason::kConnectionNotMounted) {
    return Refusal{"device"};
  }
  for (const os::Fd* events : {&fds.broker_events, &fds.worker_events}) {
    // take_in_order() knows which of them there have to be.
    if (*events && !os::is_channel(events->get(), 0)) return Refusal{"events"};
  }
  if (!os::is_memory(fds.counters.get(), wire::kCounterPage, wire::kCounterPage, false)) return Refusal{"counters"};
  if (fds.peer && !os::is_channel(fds.peer.get(), view.info.owner)) return Refusal{"client"};
  return check_kept(view, fds.park.get(), programs);
}

// The newest of the records that wait in the socket; those before it are dropped.
core::Result<os::Message> newest(int socket, std::span<uint8_t> buffer) {
  for (int i = 0; i < kMostRecords; ++i) {
    auto first = os::peek_message(socket, buffer, kMostStoredFds);
    if (!first.ok() || os::bytes_waiting(socket) <= first->length) return first;
    (void)os::receive_message(socket, buffer.first(1), 0);
  }
  return kForged;
}

Checked take(const Given::Stored& stored, Programs programs, FoundView* found, std::span<uint8_t> buffer) {
  if (!os::is_channel(stored.fd.get(), 0)) return Refusal{"socket"};
  auto message = newest(stored.fd.get(), buffer);
  if (!message.ok()) return Refusal{"record", message.failure()};
  const auto bytes = buffer.first(message->length);
  auto view = wire::decode_stored_view(bytes);
  if (!view.ok()) return Refusal{"record", view.failure()};
  if (stored.name != stored_name(view->info.id)) return Refusal{"name"};
  if (message->fds.empty()) return Refusal{"descriptors"};
  auto fds = take_in_order(*view, std::span(message->fds).subspan(1));
  if (!fds.ok()) return Refusal{"descriptors", fds.failure()};
  if (auto wrong = check_processes(view->info, *fds)) return wrong;
  auto out = os::duplicate(stored.fd.get());
  if (!out.ok()) return Refusal{"socket", out.failure()};
  found->record = StoredRecord(std::move(message->fds[0]), *std::move(out));
  auto wrong = check_descriptors(*view, *fds, programs);
  if (!wrong && !found->record.put_anew(wire::encode_stored_view(*view), numbers_of(*fds)).ok()) wrong = Refusal{"socket"};
  if (wrong) {
    // Its own they are by now, and without them its connection ends.
    for (const os::Fd* process : {&fds->broker, &fds->worker}) {
      if (*process) os::kill_process(process->get());
    }
    return wrong;
  }
  // The service before may have ended while another worker was on its way, which had read what it did not answer: here it waits
  // where it wakes the view.
  if (view->info.resting) {
    const wire::FuseOutHeader resend{sizeof(resend), wire::kNotifyResend, 0};
    (void)os::write_message(fds->device.get(), {reinterpret_cast<const uint8_t*>(&resend), sizeof(resend)});
  }
  found->view = *std::move(view);
  found->fds = *std::move(fds);
  return std::nullopt;
}

bool clash(const FoundView& one, const FoundView& other) {
  const wire::ViewInfo& of_one = one.view.info;
  const wire::ViewInfo& of_other = other.view.info;
  // The number of another server's connection is only said, and may be a view's by now.
  const bool both_know = !of_one.foreign && !of_other.foreign;
  return of_one.name == of_other.name || (both_know && of_one.connection == of_other.connection);
}

}  // namespace

std::string stored_name(uint64_t view) { return absl::StrCat(kStoredName, view); }

std::vector<int> numbers_of(const ViewFds& of) {
  if (!of.device) return {of.broker.get(), of.broker_events.get()};  // of another server's connection
  std::vector<int> numbers = {of.device.get()};
  if (of.broker_events) numbers.insert(numbers.end(), {of.broker.get(), of.broker_events.get()});
  if (of.worker_events) numbers.push_back(of.worker_events.get());
  numbers.push_back(of.counters.get());
  if (of.worker) numbers.push_back(of.worker.get());
  if (of.peer) numbers.push_back(of.peer.get());
  if (of.park) numbers.push_back(of.park.get());
  return numbers;
}

core::Outcome StoredRecord::put(std::span<const uint8_t> bytes, std::span<const int> fds) {
  const bool replaces = static_cast<bool>(out_);
  if (!replaces) {
    auto pair = os::socket_pair();
    if (!pair.ok()) return pair.failure();
    for (const os::Fd* end : {&pair->first, &pair->second}) {
      if (auto set = os::set_nonblocking(end->get()); !set.ok()) return set;
    }
    in_ = std::move(pair->first);
    out_ = std::move(pair->second);
  }
  auto sent = send(bytes, fds);
  if (sent.ok() && replaces) drop_first();
  if (!sent.ok() && !replaces) *this = StoredRecord();
  return sent;
}

core::Outcome StoredRecord::put_anew(std::span<const uint8_t> bytes, std::span<const int> fds) {
  const size_t before = os::bytes_waiting(out_.get());
  if (auto sent = send(bytes, fds); !sent.ok()) return sent;
  if (os::bytes_waiting(out_.get()) != before + bytes.size()) return kForged;
  drop_first();
  return core::Done{};
}

void StoredRecord::clear() {
  if (out_) drop_first();
  *this = StoredRecord();
}

core::Outcome StoredRecord::send(std::span<const uint8_t> bytes, std::span<const int> fds) const {
  std::vector<int> all = {in_.get()};
  all.insert(all.end(), fds.begin(), fds.end());
  return os::send_message(in_.get(), bytes, all);
}

// With the descriptors in it, for which there is no room here.
void StoredRecord::drop_first() const {
  uint8_t begin[1];
  (void)os::receive_message(out_.get(), begin, 0);
}

Found look_at_stored(std::vector<Given::Stored> stored, Programs programs) {
  Found found;
  std::vector<uint8_t> buffer(wire::kStoredViewMost);
  for (const Given::Stored& each : stored) {
    const auto same = std::count_if(stored.begin(), stored.end(), [&](const auto& other) { return other.name == each.name; });
    FoundView view;
    Checked wrong = programs.worker < 0 ? Checked(Refusal{"without --store-views"})
                    : same > 1 ? Checked(Refusal{"name"})
                               : take(each, programs, &view, buffer);
    if (!wrong && std::any_of(found.views.begin(), found.views.end(), [&](const FoundView& other) { return clash(view, other); })) {
      wrong = Refusal{"another view"};
    }
    if (!wrong) {
      found.views.push_back(std::move(view));
      continue;
    }
    log(Level::kError, "stored-view-refused", {{"stored", each.name}, {"what", wrong->what}, {"reason", describe(wrong->why)}});
    found.refused.push_back(each.name);
  }
  return found;
}

}  // namespace sluice::service
