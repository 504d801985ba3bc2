#include "service/processes.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "os/channel.h"
#include "os/file.h"
#include "os/memory_file.h"
#include "os/mount.h"
#include "os/poller.h"
#include "os/self.h"
#include "os/service_self.h"
#include "os/shared_file.h"
#include "os/socket.h"
#include "sandbox/fds.h"
#include "service/log.h"
#include "wire/counters.h"
#include "wire/event_reader.h"
#include "wire/node_record.h"
#include "wire/view_config_writer.h"
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

core::Result<Executables> open_executables() {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self) - 1);
  if (length < 0) return os::failure();
  const std::string path(self, static_cast<size_t>(length));
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  Executables executables;
  const std::pair<const char*, os::Fd*> programs[] = {{"sluice-broker", &executables.broker},
                                                      {"sluice-foreign-broker", &executables.foreign_broker},
                                                      {"sluice-worker", &executables.worker}};
  for (const auto& [name, program] : programs) {
    auto fd = os::checked_fd(::open((directory + name).c_str(), O_PATH | O_CLOEXEC));
    if (!fd.ok()) return fd.failure();
    *program = *std::move(fd);
  }
  return executables;
}

core::Result<Processes> start_processes(const Executables& executables, int device, std::vector<Tree> trees,
                                        const Identity& identity, const wire::ViewConfig& config, os::Fd record) {
  auto configuration = os::sealed_file("sluice-view", wire::encode_view_config(config));
  if (!configuration.ok()) return configuration.failure();
  auto start = os::sealed_file("sluice-start", wire::encode_worker_start({identity.gid, identity.groups, config}));
  if (!start.ok()) return start.failure();
  auto counters = os::counter_file("sluice-counters", wire::kCounterPage);
  if (!counters.ok()) return counters.failure();
  auto table = os::counter_file("sluice-table", wire::kTableBytes);
  if (!table.ok()) return table.failure();
  std::vector<std::pair<os::Fd, os::Fd>> pairs;  // three channels, then the broker's events
  for (int i = 0; i < 4; ++i) {
    auto pair = os::socket_pair();
    if (!pair.ok()) return pair.failure();
    pairs.push_back(*std::move(pair));
  }
  // It does not wait for this service, but for a second in an audited view.
  const int events = pairs[3].second.get();
  auto set = config.audit ? os::set_timeout(events, kAuditMilliseconds) : os::set_nonblocking(events);
  if (!set.ok()) return set.failure();
  auto null = os::checked_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.ok()) return null.failure();

  os::ChildSpec broker{};
  broker.executable = executables.broker.get();
  broker.name = "sluice-broker";
  broker.fds = {{null->get(), 0}, {null->get(), 1}, {STDERR_FILENO, 2},
                {device, sandbox::kFdFuse},
                {trees[0].read_only.get(), sandbox::kFdRoot},
                {trees[0].read_write.get(), sandbox::kFdRootRw},
                {pairs[0].first.get(), sandbox::kFdGrantRw},
                {pairs[1].first.get(), sandbox::kFdGrantRo},
                {pairs[2].first.get(), sandbox::kFdData},
                {events, sandbox::kFdEvents},
                {configuration->get(), sandbox::kFdConfig}};
  for (size_t i = 1; i < trees.size(); ++i) {
    const int first = sandbox::kFdGrafts + static_cast<int>(2 * (i - 1));
    broker.fds.push_back({trees[i].read_only.get(), first});
    broker.fds.push_back({trees[i].read_write.get(), first + 1});
  }
  // The view's user from when they run: before, that user could limit and stop them. In preserve mode the broker
  // stays nobody: it owns nothing.
  broker.uid = config.private_uid;
  broker.gid = config.preserve ? config.private_uid : identity.gid;
  if (!config.preserve) broker.groups.assign(identity.groups.begin(), identity.groups.end());
  // SETUID only until the broker has its uids, SETPCAP until it has locked its securebits.
  broker.capabilities = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETPCAP};
  if (config.preserve) broker.capabilities.insert(broker.capabilities.end(), {CAP_DAC_OVERRIDE, CAP_FOWNER});
  broker.namespaces = kNamespaces;
  broker.most_files = os::most_files();

  auto broker_child = os::spawn(broker);
  if (!broker_child.ok()) return broker_child.failure();
  std::vector<os::Fd> kept(kKeptLeast);
  kept[kKeptStart] = *std::move(start);
  kept[kKeptTable] = *std::move(table);
  for (const int i : {0, 1, 2}) {
    kept[kKeptGrantRw + i] = std::move(pairs[i].second);
    pairs[i].first.reset();
  }
  auto program = os::duplicate(executables.worker.get());
  if (!program.ok()) {
    os::end_child(*broker_child);
    return program.failure();
  }
  kept[kKeptProgram] = *std::move(program);
  kept[kKeptRecord] = record ? std::move(record) : *std::move(null);
  kept.pop_back();
  std::vector<int> roots;
  bool can_copy = true;
  for (const Tree& tree : trees) {
    roots.push_back(tree.read_write.get());
    auto copy = os::clone_tree(roots.back(), false);  // before it is attached
    can_copy = can_copy && copy.ok();
    if (copy.ok()) kept.push_back(*std::move(copy));
  }
  auto worker = spawn_worker(executables.worker.get(), device, counters->get(), numbers_of(kept), roots, nullptr,
                             Place::kFirst);
  if (!worker.ok()) {
    os::end_child(*broker_child);
    return worker.failure();
  }
  // Before Linux 6.15 a detached tree has no copies: there a view ends with its worker.
  if (!can_copy) kept.clear();
  pairs[3].second.reset();
  auto ready = wait_ready("broker", pairs[3].first.get());
  if (ready.ok()) ready = wait_ready("worker", worker->events.get());
  if (!ready.ok()) {
    os::end_child(*broker_child);
    os::end_child(worker->child);
    return ready.failure();
  }
  return Processes{*std::move(broker_child), std::move(worker->child), std::move(pairs[3].first),
                   std::move(worker->events), *std::move(counters), std::move(kept)};
}

std::vector<int> numbers_of(std::span<const os::Fd> fds) {
  std::vector<int> numbers;
  for (const os::Fd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

}  // namespace sluice::service
