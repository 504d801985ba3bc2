// sluice-broker: holds CAP_SYS_ADMIN for two ioctls on one connection, and grants files of one tree.
//
// Started by the service with the descriptors of sandbox/fds.h, the view's identity and nothing else.
// It is confined before it reads the first byte that the worker wrote.
#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <thread>

#include "broker/server.h"
#include "broker/start.h"
#include "generated/broker_devices_policy.h"
#include "generated/broker_policy.h"
#include "os/landlock.h"
#include "os/memory_file.h"
#include "os/root.h"
#include "os/self.h"
#include "sandbox/confine.h"
#include "sandbox/fds.h"
#include "wire/view_config.h"

namespace sluice::broker {
namespace {

constexpr size_t kMostConfigBytes = 256 * 1024;

int run() {
  // One arena for all threads, and all of it the heap: anything else would be made with calls that the
  // policy forbids. So nothing can be mapped here any more. The heap has no more than is asked for: what is to be zero is written
  // to where the heap has it already, used or not, and is then this process's.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TOP_PAD, 0);
  Events events(sandbox::kFdEvents);
  must(events, "undumpable", os::become_undumpable());
  auto bytes = os::read_sealed_file(sandbox::kFdConfig, kMostConfigBytes);
  ::close(sandbox::kFdConfig);
  must(events, "configuration", bytes);
  auto config = wire::decode_view_config(*bytes);
  must(events, "configuration", config);
  void* ledger = os::map_counters(sandbox::kFdLedger, config->most_grants * sizeof(core::Grant), true);
  if (ledger == nullptr) must(events, "ledger", core::Outcome(os::failure()));
  ::close(sandbox::kFdLedger);

  if (config->audit) events.send_all();
  must(events, "uids", os::take_uids(config->private_uid, config->uid));
  auto tree = os::duplicate(sandbox::kFdRoot);
  must(events, "root", tree);
  must(events, "enter the source tree", os::enter_tree(*std::move(tree)));
  // In preserve mode the files of every owner are served, and their names in sticky directories too; and only there,
  // where it was asked for, device nodes are made.
  const int keep[] = {CAP_SYS_ADMIN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_MKNOD};
  must(events, "capabilities",
       sandbox::keep_capabilities({keep, size_t{1} + 2 * config->preserve + config->device_nodes}));

  View view{sandbox::kFdFuse, {sandbox::kFdRoot}, {sandbox::kFdRootRw}, std::move(config->grafts),
            config->read_only != 0, config->device_nodes != 0, ::geteuid()};
  for (size_t i = 0; i < view.grafts.size(); ++i) {
    view.roots_ro.push_back(sandbox::kFdGrafts + static_cast<int>(2 * i));
    view.roots_rw.push_back(sandbox::kFdGrafts + static_cast<int>(2 * i + 1));
  }
  Rulebook book(std::move(config->rules));
  Grants grants(view, book, config->most_grants, static_cast<core::Grant*>(ledger));
  const auto domain = view.read_only ? Domain::kReadOnly : Domain::kReadWrite;
  Server read_write(sandbox::kFdGrantRw, domain, view, book, grants, events);
  Server read_only(sandbox::kFdGrantRo, Domain::kReadOnly, view, book, grants, events);
  Server data(sandbox::kFdData, domain, view, book, grants, events);

  const auto confine = [&](Domain of) {
    const bool ro = of == Domain::kReadOnly;
    must(events, "landlock",
         os::landlock_restrict(ro ? os::kGrantReadOnly : os::kGrantReadWrite,
                               ro ? view.roots_ro : view.roots_rw, config->missing));
  };
  // Threads wait here for each other: until all of them are in their domains, and then until the filter is on.
  pthread_barrier_t gate;
  pthread_barrier_init(&gate, nullptr, 3);
  const auto serve = [&](Server& server, Domain of, int lifeline) {
    confine(of);
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    server.run(lifeline);
    ::_exit(0);  // the worker is gone, or the service: without it a view ends
  };
  std::thread read_only_thread(serve, std::ref(read_only), Domain::kReadOnly, -1);
  std::thread data_thread(serve, std::ref(data), domain, sandbox::kFdEvents);
  confine(domain);
  pthread_barrier_wait(&gate);
  must(events, "seccomp", sandbox::install_filter(view.device_nodes ? sandbox::broker_devices_policy()
                                                                    : sandbox::broker_policy()));
  events.send(wire::EventKind::kReady, {0, core::Reason::kNone}, 0, {});
  pthread_barrier_wait(&gate);
  read_write.run();
  ::_exit(0);
}

}  // namespace
}  // namespace sluice::broker

int main() { return sluice::broker::run(); }
