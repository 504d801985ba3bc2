// sluice-worker: serves the metadata of one view. It can neither open a file's contents nor grant.
//
// Started by the service with the descriptors of sandbox/fds.h and the view's identity. It makes the
// source tree its root, gives up everything, and only then reads the first request.
#include <malloc.h>
#include <unistd.h>

#include <new>
#include <numeric>
#include <vector>

#include "os/channel.h"
#include "os/memory_file.h"
#include "os/self.h"
#include "os/shared_file.h"
#include "sandbox/fds.h"
#include "wire/event.h"
#include "worker/confinement.h"
#include "worker/session.h"

namespace sluice::worker {
namespace {

constexpr size_t kMostConfigBytes = 256 * 1024;

void report(wire::EventKind kind, core::Failure why, const char* step) {
  uint8_t message[wire::kEventMost];
  const wire::Event event{kind, static_cast<uint32_t>(why.reason), why.error, 0, 0, 0, 0};
  (void)os::write_message(sandbox::kFdEvents, {message, wire::encode_event(event, step, message)});
}

void must(const char* step, const core::Outcome& outcome) {
  if (outcome.ok()) return;
  report(wire::EventKind::kFailed, outcome.failure(), step);
  ::_exit(1);
}

template <typename T>
T must_have(const char* step, core::Result<T> result) {
  if (!result.ok()) must(step, result.failure());
  return *std::move(result);
}

int run() {
  // One arena for all threads: another would be made with calls that the policy forbids.
  ::mallopt(M_ARENA_MAX, 1);
  must("undumpable", os::become_undumpable());
  const auto bytes =
      must_have("configuration", os::read_sealed_file(sandbox::kFdConfig, kMostConfigBytes));
  ::close(sandbox::kFdConfig);
  wire::ViewConfig config = must_have("configuration", wire::decode_view_config(bytes));
  void* page = os::map_counters(sandbox::kFdCounters, wire::kCounterPage, true);
  ::close(sandbox::kFdCounters);
  if (page == nullptr) must("counters", os::failure());
  auto* counters = new (page) wire::Counters;

  const char* step = "";
  const auto confined = confine(config, &step);
  must(step, confined);
  std::vector<int> grafts(config.grafts.size());
  std::iota(grafts.begin(), grafts.end(), sandbox::kFdGrafts);
  const auto table = must_have("root", Table::create(sandbox::kFdRoot, grafts));
  for (const int graft : grafts) ::close(graft);
  BrokerLink read_write(sandbox::kFdGrantRw);
  BrokerLink read_only(sandbox::kFdGrantRo);
  OpenFiles files(*table, config.read_only, read_write, read_only, *counters);
  DataThread data(sandbox::kFdData);
  ViewRules rules(*table, std::move(config.rules));
  Worker worker{config, *table, rules, files, data, *counters, sandbox::kFdFuse, sandbox::kFdEvents, {}};
  const auto session = Session::create(worker);
  if (session == nullptr) must("libfuse", core::Failure{EINVAL, core::Reason::kSystem});
  data.start();
  must("seccomp", install_policy(config));
  report(wire::EventKind::kReady, {0, core::Reason::kNone}, "");
  session->run();
  ::_exit(0);  // the data thread may be waiting for a disk
}

}  // namespace
}  // namespace sluice::worker

int main() { return sluice::worker::run(); }
