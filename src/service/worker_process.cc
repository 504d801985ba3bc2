#include "service/worker_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include "os/change_watch.h"
#include "os/file.h"
#include "os/memory_file.h"
#include "os/poller.h"
#include "os/service_self.h"
#include "os/shared_file.h"
#include "os/socket.h"
#include "os/vouched.h"
#include "sandbox/fds.h"
#include "service/processes.h"
#include "wire/view_config_writer.h"
#include "wire/worker_start.h"

namespace sluice::service {

namespace {

int table_of(Place place) {
  switch (place) {
    case Place::kFirst:
      return sandbox::kFdTable;
    case Place::kLater:
      return sandbox::kFdLeftTable;
    case Place::kSpare:
      return sandbox::kFdSpareTable;
  }
  return -1;
}

}  // namespace

core::Result<WorkerProcess> spawn_worker(int executable, int device, int counters, int watch, std::span<const int> kept,
                                         std::span<const int> trees, const core::Rules* rules, Place place) {
  // It is started with more than it keeps: nothing else is run with that, whatever the main process hands out.
  if (!os::is_program(executable, kept[kKeptProgram])) return core::Failure{EPERM, core::Reason::kNotPermitted};
  auto bytes = os::read_sealed_file(kept[kKeptStart], wire::kWorkerStartMost);
  if (!bytes.ok()) return bytes.failure();
  auto start = wire::decode_worker_start(*bytes);
  if (!start.ok()) return start.failure();
  wire::ViewConfig& config = start->config;
  // From its first request on: what other rules hide, a worker with the first ones would show.
  if (rules != nullptr) config.rules = *rules;
  if (trees.size() != 1 + config.grafts.size()) return core::Failure{EPROTO, core::Reason::kProtocol};
  auto configuration = os::sealed_file("sluice-view", wire::encode_view_config(config));
  if (!configuration.ok()) return configuration.failure();
  auto events = os::socket_pair();
  if (!events.ok()) return events.failure();
  // It does not wait for this service.
  if (auto set = os::set_nonblocking(events->second.get()); !set.ok()) return set.failure();
  auto null = os::checked_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.ok()) return null.failure();
  // Where none can be made, or is of no use, the view does without.
  const bool has_watch = watch >= 0 && !os::is_same_file(watch, null->get());
  auto group = has_watch ? os::duplicate(watch)
               : config.coherence_milliseconds > 0 ? os::make_change_watch(config.private_uid) : os::duplicate(null->get());
  if (!group.ok()) group = os::duplicate(null->get());
  if (!group.ok()) return group.failure();

  os::ChildSpec worker{};
  worker.executable = kept[kKeptProgram];
  worker.name = "sluice-worker";
  worker.fds = {{null->get(), 0}, {kept[kKeptRecord], sandbox::kFdRecord}, {STDERR_FILENO, 2},
                {device, sandbox::kFdFuse},
                {trees[0], sandbox::kFdRoot},
                {group->get(), sandbox::kFdWatch},
                {kept[kKeptGrantRw], sandbox::kFdGrantRw},
                {kept[kKeptGrantRo], sandbox::kFdGrantRo},
                {kept[kKeptData], sandbox::kFdData},
                {events->second.get(), sandbox::kFdEvents},
                {configuration->get(), sandbox::kFdConfig},
                {counters, sandbox::kFdCounters},
                {kept[kKeptTable], table_of(place)}};
  for (size_t i = 1; i < trees.size(); ++i) {
    worker.fds.push_back({trees[i], sandbox::kFdGrafts + static_cast<int>(i) - 1});
  }
  worker.uid = config.preserve ? 0 : config.private_uid;
  worker.gid = config.preserve ? 0 : start->gid;
  if (!config.preserve) worker.groups.assign(start->groups.begin(), start->groups.end());
  // SETUID only until the worker has its uids, SETPCAP until it has locked its securebits, and SYS_ADMIN only until it
  // has made the source tree its root.
  worker.capabilities = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETPCAP};
  worker.namespaces = kNamespaces;
  worker.most_files = os::most_files();
  if (config.preserve) {
    worker.namespaces |= CLONE_NEWUSER;
    worker.map_all_ids = true;
    for (const int capability : {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER, CAP_FSETID}) {
      worker.capabilities.push_back(capability);
    }
  }
  auto child = os::spawn(worker);
  if (!child.ok()) return child.failure();
  return WorkerProcess{*std::move(child), std::move(events->first), *std::move(group)};
}

}  // namespace sluice::service
