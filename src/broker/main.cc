// sluice-broker: holds CAP_SYS_ADMIN for two ioctls on one connection, and grants files of one tree.
//
// Started by the service with the descriptors of sandbox/fds.h, the view's identity and nothing else.
// It is confined before it reads the first byte that the worker wrote.
#include <linux/capability.h>
#include <malloc.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "broker/events.h"
#include "broker/grants.h"
#include "broker/server.h"
#include "generated/broker_policy.h"
#include "os/channel.h"
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

// Threads wait here until all of them are in their domains and the filter is on.
class Gate {
 public:
  void arrive() {
    const std::lock_guard lock(mutex_);
    ++arrived_;
    changed_.notify_all();
  }
  void wait_for_arrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ == count; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_open() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

[[noreturn]] void fail(Events& events, const char* step, core::Failure why) {
  events.send(wire::EventKind::kFailed, why, 0, step);
  ::_exit(1);
}

void must(Events& events, const char* step, const core::Outcome& outcome) {
  if (!outcome.ok()) fail(events, step, outcome.failure());
}

int run() {
  // One arena for all threads: another would be made with calls that the policy forbids.
  ::mallopt(M_ARENA_MAX, 1);
  Events events(sandbox::kFdEvents);
  must(events, "undumpable", os::become_undumpable());
  auto bytes = os::read_sealed_file(sandbox::kFdConfig, kMostConfigBytes);
  ::close(sandbox::kFdConfig);
  if (!bytes.ok()) fail(events, "configuration", bytes.failure());
  auto config = wire::decode_view_config(*bytes);
  if (!config.ok()) fail(events, "configuration", config.failure());

  if (config->audit) events.send_all();
  auto tree = os::duplicate(sandbox::kFdRoot);
  if (!tree.ok()) fail(events, "root", tree.failure());
  must(events, "enter the source tree", os::enter_tree(*std::move(tree)));
  must(events, "real uid", os::take_real_uid(config->private_uid));
  // In preserve mode the files of every owner are served.
  const int keep[] = {CAP_SYS_ADMIN, CAP_DAC_OVERRIDE};
  must(events, "capabilities",
       sandbox::keep_capabilities({keep, config->preserve ? size_t{2} : size_t{1}}));

  View view{sandbox::kFdFuse, {sandbox::kFdRoot}, {sandbox::kFdRootRw}, std::move(config->grafts),
            config->read_only, ::geteuid()};
  for (size_t i = 0; i < view.grafts.size(); ++i) {
    view.roots_ro.push_back(sandbox::kFdGrafts + static_cast<int>(2 * i));
    view.roots_rw.push_back(sandbox::kFdGrafts + static_cast<int>(2 * i + 1));
  }
  Grants grants(view, std::move(config->rules), config->most_grants);
  const auto domain = view.read_only ? Domain::kReadOnly : Domain::kReadWrite;
  Server read_write(sandbox::kFdGrantRw, domain, view, grants, events);
  Server read_only(sandbox::kFdGrantRo, Domain::kReadOnly, view, grants, events);
  Server data(sandbox::kFdData, domain, view, grants, events);

  const auto confine = [&](Domain of) {
    const bool ro = of == Domain::kReadOnly;
    must(events, "landlock",
         os::landlock_restrict(ro ? os::LandlockDomain::kGrantReadOnly
                                  : os::LandlockDomain::kGrantReadWrite,
                               ro ? view.roots_ro : view.roots_rw, config->missing));
  };
  Gate gate;
  const auto serve = [&](Server& server, Domain of, int lifeline) {
    confine(of);
    gate.arrive();
    gate.wait_open();
    server.run(lifeline);
    ::_exit(0);  // the worker is gone, or the service: without it a view ends
  };
  std::thread read_only_thread(serve, std::ref(read_only), Domain::kReadOnly, -1);
  std::thread data_thread(serve, std::ref(data), domain, sandbox::kFdEvents);
  confine(domain);
  gate.wait_for_arrivals(2);
  must(events, "seccomp", sandbox::install_filter(sandbox::broker_policy()));
  events.send(wire::EventKind::kReady, {0, core::Reason::kNone}, 0, {});
  gate.open();
  read_write.run();
  ::_exit(0);
}

}  // namespace
}  // namespace sluice::broker

int main() { return sluice::broker::run(); }
