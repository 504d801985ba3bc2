#include "service/processes.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "os/channel.h"
#include "os/few_mounts.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/poller.h"
#include "os/shared_file.h"
#include "service/log.h"
#include "service/park.h"
#include "service/together.h"
#include "wire/counters.h"
#include "wire/event_reader.h"
#include "wire/node_record.h"
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

core::Result<Processes> start_processes(const Executables& executables, int device, std::vector<Tree> trees,
                                        const Identity& identity, const wire::ViewConfig& config, os::Fd record) {
  wire::WorkerStart start{identity.gid, identity.groups, config, 0, {}};
  std::vector<int> roots;
  for (const Tree& tree : trees) roots.push_back(tree.read_write.get());
  if (auto noted = note_parts(start, device, roots); !noted.ok()) return noted.failure();
  auto sealed_start = os::sealed_file("sluice-start", wire::encode_worker_start(start));
  if (!sealed_start.ok()) return sealed_start.failure();
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
  auto broker = spawn_broker(executables.broker.get(), executables.broker.get(), device, ledger->get(), trees, start);
  if (!broker.ok()) return broker.failure();
  std::vector<os::Fd> kept(kKeptLeast);
  kept[kKeptStart] = *std::move(sealed_start);
  kept[kKeptTable] = *std::move(table);
  kept[kKeptLedger] = *std::move(ledger);
  for (size_t i = 0; i < broker->channels.size(); ++i) kept[kKeptGrantRw + i] = std::move(broker->channels[i]);
  for (const auto& [place, executable] : {std::pair(kKeptProgram, &executables.worker), std::pair(kKeptBrokerProgram, &executables.broker)}) {
    auto program = os::duplicate(executable->get());
    if (!program.ok()) {
      os::end_child(broker->child);
      return program.failure();
    }
    kept[place] = *std::move(program);
  }
  kept[kKeptRecord] = std::move(record);
  kept.pop_back();
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
  auto worker = spawn_worker(executables.worker.get(), device, counters->get(), numbers_of(kept), roots, nullptr,
                             Place::kFirst);
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
                   std::move(worker->events), *std::move(counters), *std::move(parked)};
}

std::vector<int> numbers_of(std::span<const os::Fd> fds) {
  std::vector<int> numbers;
  for (const os::Fd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

}  // namespace sluice::service
