#include "service/broker_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include "core/ledger.h"
#include "os/poller.h"
#include "os/service_self.h"
#include "os/shared_file.h"
#include "os/socket.h"
#include "os/vouched.h"
#include "sandbox/fds.h"
#include "service/processes.h"
#include "wire/view_config_writer.h"

namespace sluice::service {

size_t ledger_bytes(const wire::ViewConfig& config) { return size_t{config.most_grants} * sizeof(core::Grant); }

core::Result<BrokerProcess> spawn_broker(int executable, int program, int device, int ledger, std::span<const Tree> trees,
                                         const wire::WorkerStart& start) {
  // It is started with more than it keeps: nothing else is run with that, whatever the main process hands out.
  if (!os::is_program(executable, program)) return core::Failure{EPERM, core::Reason::kNotPermitted};
  const wire::ViewConfig& config = start.config;
  if (trees.size() != 1 + config.grafts.size()) return core::Failure{EPROTO, core::Reason::kProtocol};
  auto configuration = os::sealed_file("sluice-view", wire::encode_view_config(config));
  if (!configuration.ok()) return configuration.failure();
  std::array<std::pair<os::Fd, os::Fd>, 4> pairs;  // three channels, then its events
  for (auto& each : pairs) {
    auto pair = os::socket_pair();
    if (!pair.ok()) return pair.failure();
    each = *std::move(pair);
  }
  // It does not wait for this service, but for a second in an audited view.
  const int events = pairs[3].second.get();
  auto set = config.audit ? os::set_timeout(events, kAuditMilliseconds) : os::set_nonblocking(events);
  if (!set.ok()) return set.failure();
  auto null = os::checked_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.ok()) return null.failure();

  os::ChildSpec broker{};
  broker.executable = program;
  broker.name = "sluice-broker";
  broker.fds = {{null->get(), 0}, {null->get(), 1}, {STDERR_FILENO, 2},
                {device, sandbox::kFdFuse},
                {trees[0].read_only.get(), sandbox::kFdRoot},
                {trees[0].read_write.get(), sandbox::kFdRootRw},
                {pairs[0].first.get(), sandbox::kFdGrantRw},
                {pairs[1].first.get(), sandbox::kFdGrantRo},
                {pairs[2].first.get(), sandbox::kFdData},
                {events, sandbox::kFdEvents},
                {configuration->get(), sandbox::kFdConfig},
                {ledger, sandbox::kFdLedger}};
  for (size_t i = 1; i < trees.size(); ++i) {
    const int first = sandbox::kFdGrafts + static_cast<int>(2 * (i - 1));
    broker.fds.push_back({trees[i].read_only.get(), first});
    broker.fds.push_back({trees[i].read_write.get(), first + 1});
  }
  // The view's user from when they run: before, that user could limit and stop them. In preserve mode the broker
  // stays nobody: it owns nothing.
  broker.uid = config.private_uid;
  broker.gid = config.preserve ? config.private_uid : start.gid;
  if (!config.preserve) broker.groups.assign(start.groups.begin(), start.groups.end());
  // SETUID only until the broker has its uids, SETPCAP until it has locked its securebits.
  broker.capabilities = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETPCAP};
  if (config.preserve) broker.capabilities.insert(broker.capabilities.end(), {CAP_DAC_OVERRIDE, CAP_FOWNER});
  if (config.device_nodes) broker.capabilities.push_back(CAP_MKNOD);
  broker.namespaces = kNamespaces;
  broker.most_files = os::most_files();
  auto child = os::spawn(broker);
  if (!child.ok()) return child.failure();
  return BrokerProcess{*std::move(child), std::move(pairs[3].first),
                       {std::move(pairs[0].second), std::move(pairs[1].second), std::move(pairs[2].second)}};
}

}  // namespace sluice::service
