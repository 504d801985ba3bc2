#include "service/foreign_broker.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include "os/memory_file.h"
#include "os/mount.h"
#include "os/poller.h"
#include "os/mount.h"
#include "os/service_self.h"
#include "os/shared_file.h"
#include "os/socket.h"
#include "sandbox/fds.h"

namespace sluice::service {
namespace {

constexpr uint32_t kReplyMilliseconds = 3000;

}  // namespace

core::Result<ForeignBroker> start_foreign_broker(int executable, int device, const Identity& identity,
                                                 const wire::ForeignConfig& config) {
  auto configuration =
      os::sealed_file("sluice-connection", {reinterpret_cast<const uint8_t*>(&config), sizeof(config)});
  if (!configuration.ok()) return configuration.failure();
  // It opens nothing, so it has nothing to see.
  auto root = os::empty_tree({});
  if (!root.ok()) return root.failure();
  auto read_only = os::socket_pair();
  if (!read_only.ok()) return read_only.failure();
  auto read_write = os::socket_pair();
  if (!read_write.ok()) return read_write.failure();
  auto events = os::socket_pair();
  if (!events.ok()) return events.failure();
  const auto set = config.audit != 0 ? os::set_timeout(events->second.get(), kAuditMilliseconds)
                                     : os::set_nonblocking(events->second.get());
  if (!set.ok()) return set.failure();
  // A server that reads no replies is one that has gone, or is as good as gone.
  for (const os::Fd* channel : {&read_only->first, &read_write->first}) {
    if (auto timeout = os::set_send_timeout(channel->get(), kReplyMilliseconds); !timeout.ok()) return timeout.failure();
  }
  auto null = os::checked_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.ok()) return null.failure();

  os::ChildSpec broker{};
  broker.executable = executable;
  broker.name = "sluice-foreign-broker";
  broker.fds = {{null->get(), 0}, {null->get(), 1}, {STDERR_FILENO, 2},
                {device, sandbox::kFdFuse},
                {root->get(), sandbox::kFdRoot},
                // Nothing of the server's may come to have one of the fixed numbers.
                {null->get(), sandbox::kFdRootRw},
                {null->get(), sandbox::kFdData},
                {read_write->first.get(), sandbox::kFdGrantRw},
                {read_only->first.get(), sandbox::kFdGrantRo},
                {events->second.get(), sandbox::kFdEvents},
                {configuration->get(), sandbox::kFdConfig}};
  broker.uid = config.private_uid;  // the server's user from when it runs
  broker.gid = identity.gid;
  broker.groups.assign(identity.groups.begin(), identity.groups.end());
  // SETUID only until the broker has its uids, SETPCAP until it has locked its securebits.
  broker.capabilities = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETPCAP};
  broker.namespaces = kNamespaces;
  broker.most_files = most_files_of_connection(config.most_grants);
  auto child = os::spawn(broker);
  if (!child.ok()) return child.failure();
  events->second.reset();
  if (auto ready = wait_ready("foreign-broker", events->first.get()); !ready.ok()) {
    os::end_child(*child);
    return ready.failure();
  }
  return ForeignBroker{*std::move(child), std::move(events->first), std::move(read_only->second),
                       std::move(read_write->second)};
}

}  // namespace sluice::service
