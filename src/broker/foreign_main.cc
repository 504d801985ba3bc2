// sluice-foreign-broker: holds CAP_SYS_ADMIN for two ioctls on the connection of somebody else's FUSE server.
//
// Started by the service with the descriptors of sandbox/fds.h, the server's identity and nothing else. It opens
// no file and sees none but those that the server hands over. It is confined before it reads the first byte that
// the server wrote. It ends with the server, with the connection, and with the service, and what it has granted is
// closed then.
#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <utility>

#include "broker/foreign_server.h"
#include "broker/start.h"
#include "core/protection.h"
#include "generated/foreign_broker_policy.h"
#include "os/file.h"
#include "os/landlock_domains.h"
#include "os/memory_file.h"
#include "os/passed_file.h"
#include "os/root.h"
#include "os/self.h"
#include "sandbox/confine.h"
#include "sandbox/fds.h"

namespace sluice::broker {
namespace {

int run() {
  // One arena, and all of it the heap: as in the broker of a view.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_MAX, 0);
  Events events(sandbox::kFdEvents);
  must(events, "undumpable", os::become_undumpable());
  const auto bytes = os::read_sealed_file(sandbox::kFdConfig, sizeof(wire::ForeignConfig));
  ::close(sandbox::kFdConfig);
  must(events, "configuration", bytes);
  const auto config = wire::decode_foreign_config(*bytes);
  must(events, "configuration", config);
  if (config->audit != 0) events.send_all();
  must(events, "uids", os::take_uids(config->private_uid, config->uid));
  // Of nothing: an empty directory.
  auto tree = os::duplicate(sandbox::kFdRoot);
  must(events, "root", tree);
  must(events, "enter the empty tree", os::enter_tree(*std::move(tree)));
  const int keep[] = {CAP_SYS_ADMIN};
  must(events, "capabilities", sandbox::keep_capabilities(keep));

  ForeignGrants grants(sandbox::kFdFuse, *config);
  ForeignServer read_only(sandbox::kFdGrantRo, ForeignDomain::kReadOnly, grants, events);
  ForeignServer read_write(sandbox::kFdGrantRw, ForeignDomain::kReadWrite, grants, events);
  // That a file which was handed over to read is not written is Landlock's doing: it may not be missing here,
  // whatever the administrator allowed.
  const uint32_t missing = config->missing & ~core::kLandlockMissing;
  const auto confine = [&](os::LandlockDomain domain) {
    must(events, "landlock", os::landlock_restrict(domain, {}, missing));
  };
  // At once: no later request finds anything to ask for. The connection's descriptor goes before the process does, which
  // may wait in another thread for a filesystem that waits for this connection.
  const auto end = [&] {
    grants.close_for_good();
    ::close(sandbox::kFdFuse);
    ::_exit(0);
  };
  // The threads wait here for each other: until all are in their domains, and then until the filter is on.
  pthread_barrier_t gate;
  pthread_barrier_init(&gate, nullptr, 3);
  std::thread read_write_thread([&] {
    confine(os::kForeignReadWrite);
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    read_write.run();
    end();
  });
  // Touches no file, so that nothing that the server hands over keeps it from seeing that it is time.
  std::thread watching_thread([&] {
    confine(os::kForeignReadOnly);
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    os::wait_for_hangup(std::array{sandbox::kFdGrantRo, sandbox::kFdGrantRw, sandbox::kFdEvents}, sandbox::kFdFuse);
    end();
  });
  confine(os::kForeignReadOnly);
  pthread_barrier_wait(&gate);
  must(events, "seccomp", sandbox::install_filter(sandbox::foreign_broker_policy()));
  events.send(wire::EventKind::kReady, {0, core::Reason::kNone}, 0, {});
  pthread_barrier_wait(&gate);
  read_only.run();
  end();
  return 0;
}

}  // namespace
}  // namespace sluice::broker

int main() { return sluice::broker::run(); }
