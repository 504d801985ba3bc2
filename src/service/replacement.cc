#include "service/replacement.h"

#include <cerrno>
#include <optional>

#include "core/limits.h"
#include "os/channel.h"
#include "os/memory_file.h"
#include "os/mount.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "os/vouched.h"
#include "service/log.h"
#include "service/setup.h"
#include "service/together.h"

namespace sluice::service {
namespace {

core::Result<BrokerProcess> replace_broker(const Executables& executables, const Replacement& replacement,
                                           wire::WorkerStart start) {
  if (replacement.rules != nullptr) start.config.rules = *replacement.rules;
  std::vector<Tree> trees;
  for (const int kept : replacement.kept.subspan(kKeptRoot)) {
    auto read_only = os::clone_tree(kept, true);
    if (!read_only.ok()) return read_only.failure();
    auto read_write = os::clone_tree(kept, false);  // what is read-only stays so
    if (!read_write.ok()) return read_write.failure();
    trees.push_back({*std::move(read_only), *std::move(read_write)});
  }
  return spawn_broker(executables.broker.get(), replacement.kept[kKeptBrokerProgram], replacement.device,
                      replacement.kept[kKeptLedger], trees, start);
}

// Where the service ends meanwhile, the next one starts others: they must not meet these.
core::Outcome await(const char* process, int events, int report) {
  const auto readable = os::wait_readable_while(events, report, kReadyMilliseconds);
  return readable.ok() ? wait_ready(process, events) : readable.failure();
}

core::Outcome replace(const Executables& executables, const Replacement& replacement) {
  // The main process hands all of it out: what nobody can have changed says what belongs to it.
  const int of_start = replacement.kept[kKeptStart];
  if (!os::is_memory(of_start, 1, wire::kWorkerStartMost, true)) return core::Failure{EPERM, core::Reason::kNotPermitted};
  auto bytes = os::read_sealed_file(of_start, wire::kWorkerStartMost);
  if (!bytes.ok()) return bytes.failure();
  auto start = wire::decode_worker_start(*bytes);
  if (!start.ok()) return start.failure();
  auto together = check_parts(*start, replacement.device, replacement.kept.subspan(kKeptRoot));
  if (!together.ok()) return together;
  std::vector<int> kept(replacement.kept.begin(), replacement.kept.end());
  std::vector<os::Fd> trees;
  for (const int tree : replacement.kept.subspan(kKeptRoot)) {
    auto copy = os::clone_tree(tree, false);
    if (!copy.ok()) return copy.failure();
    trees.push_back(*std::move(copy));
  }
  std::optional<BrokerProcess> broker;
  if (replacement.with_broker) {
    auto made = replace_broker(executables, replacement, *std::move(start));
    if (!made.ok()) return made.failure();
    broker = *std::move(made);
    for (size_t i = 0; i < broker->channels.size(); ++i) kept[kKeptGrantRw + i] = broker->channels[i].get();
  }
  auto worker = spawn_worker(executables.worker.get(), replacement.device, replacement.counters, kept,
                             numbers_of(trees), replacement.rules, Place::kLater);
  auto done = worker.ok() ? core::Outcome(core::Done{}) : worker.failure();
  if (done.ok() && broker) done = await("broker", broker->events.get(), replacement.report);
  if (done.ok()) done = await("worker", worker->events.get(), replacement.report);
  if (done.ok()) {
    wire::Report report{wire::ReportKind::kMadeWorker, 0, static_cast<uint64_t>(worker->child.pid), {}, {}, {}};
    std::vector<int> fds = {worker->child.pidfd.get(), worker->events.get()};
    if (broker) {
      report.kind = wire::ReportKind::kMadeBoth;
      report.uid = static_cast<uint32_t>(broker->child.pid);
      fds.insert(fds.end(), {broker->child.pidfd.get(), broker->events.get()});
      for (const int channel : numbers_of(broker->channels)) fds.push_back(channel);
    }
    auto taken = ask(replacement.report, report, fds);
    if (!taken.ok()) done = taken.failure();
  }
  if (done.ok()) return done;
  if (worker.ok()) os::end_child(worker->child);
  if (broker) os::end_child(broker->child);
  return done;
}

}  // namespace

void run_replacement(const Executables& executables, const Replacement& replacement) {
  os::keep_children();
  (void)os::set_timeout(replacement.report, core::Limits::kSetupSeconds * 1000);
  if (auto done = replace(executables, replacement); !done.ok()) {
    log(Level::kError, "worker-not-replaced", {{"reason", describe(done.failure())}});
  }
}

}  // namespace sluice::service
