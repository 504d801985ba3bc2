#include "service/processes.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "os/channel.h"
#include "os/few_mounts.h"
#include "os/file.h"
#include "os/memory_file.h"
#include "os/mount.h"
#include "os/poller.h"
#include "os/shared_file.h"
#include "os/socket.h"
#include "service/log.h"
#include "service/park.h"
#include "service/together.h"
#include "wire/counters.h"
#include "wire/event_reader.h"
#include "wire/node_table.h"
#include "wire/worker_start.h"

namespace sluice::service {
core::Outcome wait_ready(const char* who, int events) {
  auto readable = os::wait_readable(events, kReadyMilliseconds);
  if (!readable.ok()) return readable.failure();
  if (!*readable) return core::Failure{ETIMEDOUT, core::Reason::kTimeout};
  uint8_t message[wire::kEventMost];
  auto length = os::read_message(events, message);
  if (!length.ok()) return length.failure();
  auto event = wire::decode_event({message, *length});
  if (event.ok() && event->header.kind == wire::EventKind::kReady) return core::Done{};
  if (event.ok()) {
    const core::Failure why{event->header.error, static_cast<core::Reason>(event->header.reason)};
    if (why.reason != core::Reason::kSystem) return why;  // says it all
    log(Level::kError, "child-failed",
        {{"process", who}, {"step", std::string(event->text)}, {"reason", describe(why)}});
  } else {
    log(Level::kError, "child-failed", {{"process", who}, {"step", "start"}});
  }
  return core::Failure{EIO, core::Reason::kChildFailed};
}

core::Outcome leave_mounts(const Executables& executables) {
  return executables.few_mounts ? os::go_to_mounts(executables.few_mounts.get()) : core::Outcome(core::Done{});
}

core::Result<Executables> open_executables(bool with_keeper) {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self) - 1);
  if (length < 0) return os::failure();
  const std::string path(self, static_cast<size_t>(length));
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  Executables executables;
  const std::pair<const char*, os::Fd*> programs[] = {{"sluice-broker", &executables.broker},
                                                      {"sluice-foreign-broker", &executables.foreign_broker},
                                                      {"sluice-keeper", &executables.keeper},
                                                      {"sluice-worker", &executables.worker}};
  for (const auto& [name, program] : programs) {
    if (program == &executables.keeper && !with_keeper) continue;
    auto fd = os::checked_fd(::open((directory + name).c_str(), O_PATH | O_CLOEXEC));
    if (!fd.ok()) return fd.failure();
    *program = *std::move(fd);
  }
  return executables;
}

namespace {

// What both are started with.
struct Beginning {
  wire::WorkerStart start;
  os::Fd counters;
  std::vector<os::Fd> kept;  // but for the channels and the trees
  std::vector<int> roots;    // of the trees, borrowed
};

core::Result<Beginning> prepare(const Executables& executables, int device, std::span<const Tree> trees,
                                const Identity& identity, const wire::ViewConfig& config, os::Fd record) {
  Beginning of{{identity.gid, identity.groups, config, 0, {}}, {}, std::vector<os::Fd>(kKeptRoot), {}};
  for (const Tree& tree : trees) of.roots.push_back(tree.read_write.get());
  if (auto noted = note_parts(of.start, device, of.roots); !noted.ok()) return noted.failure();
  auto start = os::sealed_file("sluice-start", wire::encode_worker_start(of.start));
  if (!start.ok()) return start.failure();
  auto counters = os::counter_file("sluice-counters", wire::kCounterPage);
  if (!counters.ok()) return counters.failure();
  auto table = os::counter_file("sluice-table", wire::kTableBytes);
  if (!table.ok()) return table.failure();
  auto ledger = os::counter_file("sluice-ledger", ledger_bytes(config));
  if (!ledger.ok()) return ledger.failure();
  if (!record) {
    auto null = os::checked_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null.ok()) return null.failure();
    record = *std::move(null);
  }
  for (const auto& [place, executable] : {std::pair(kKeptProgram, &executables.worker), std::pair(kKeptBrokerProgram, &executables.broker)}) {
    auto program = os::duplicate(executable->get());
    if (!program.ok()) return program.failure();
    of.kept[place] = *std::move(program);
  }
  of.counters = *std::move(counters);
  of.kept[kKeptStart] = *std::move(start);
  of.kept[kKeptTable] = *std::move(table);
  of.kept[kKeptLedger] = *std::move(ledger);
  of.kept[kKeptRecord] = std::move(record);
  return of;
}

// Its processes come with channels of their own, and each worker that follows on another looks at what that one left.
core::Result<Processes> at_rest_with(Beginning with, std::span<const Tree> trees) {
  void* page = os::map_counters(with.kept[kKeptTable].get(), wire::kTablePage, true);
  if (page == nullptr) return os::failure();
  wire::begin_table({static_cast<uint8_t*>(page), wire::kTablePage});
  os::unmap_counters(page, wire::kTablePage);
  auto none = os::socket_pair();
  if (!none.ok()) return none.failure();
  std::vector<int> kept = numbers_of(with.kept);
  for (const int channel : {kKeptGrantRw, kKeptGrantRo, kKeptData}) kept[channel] = none->first.get();
  for (const Tree& tree : trees) kept.push_back(tree.another.get());
  auto parked = park(kept, with.start.config.private_uid);
  if (!parked.ok()) return parked.failure();
  return Processes{.counters = std::move(with.counters), .park = *std::move(parked)};
}

}  // namespace

core::Result<Processes> start_processes(const Executables& executables, int device, std::vector<Tree> trees,
                                        const Identity& identity, const wire::ViewConfig& config, os::Fd record, bool at_rest) {
  auto prepared = prepare(executables, device, trees, identity, config, std::move(record));
  if (!prepared.ok()) return prepared.failure();
  if (at_rest) return at_rest_with(*std::move(prepared), trees);
  std::vector<os::Fd>& kept = prepared->kept;
  auto broker = spawn_broker(executables.broker.get(), executables.broker.get(), device, kept[kKeptLedger].get(), trees,
                             prepared->start);
  if (!broker.ok()) return broker.failure();
  for (size_t i = 0; i < broker->channels.size(); ++i) kept[kKeptGrantRw + i] = std::move(broker->channels[i]);
  bool can_copy = true;
  for (Tree& tree : trees) {
    can_copy = can_copy && tree.another;
    kept.push_back(std::move(tree.another));
  }
  // Otherwise the view ends with its worker.
  auto parked = can_copy ? park(numbers_of(kept), config.private_uid) : core::Result<os::Fd>(os::Fd());
  if (!parked.ok()) {
    os::end_child(broker->child);
    return parked.failure();
  }
  auto worker = spawn_worker(executables.worker.get(), device, prepared->counters.get(), -1, numbers_of(kept), prepared->roots,
                             nullptr, Place::kFirst);
  if (!worker.ok()) {
    os::end_child(broker->child);
    return worker.failure();
  }
  auto ready = wait_ready("broker", broker->events.get());
  if (ready.ok()) ready = wait_ready("worker", worker->events.get());
  if (!ready.ok()) {
    os::end_child(broker->child);
    os::end_child(worker->child);
    return ready.failure();
  }
  return Processes{std::move(broker->child), std::move(worker->child), std::move(broker->events),
                   std::move(worker->events), std::move(worker->watch), std::move(prepared->counters), *std::move(parked)};
}

std::vector<int> numbers_of(std::span<const os::Fd> fds) {
  std::vector<int> numbers;
  for (const os::Fd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

}  // namespace sluice::service
