#include "service/replacement.h"

#include <cerrno>
#include <optional>
#include <span>

#include "core/limits.h"
#include "os/channel.h"
#include "os/memory_file.h"
#include "os/mount.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "os/vouched.h"
#include "service/log.h"
#include "service/park.h"
#include "service/setup.h"
#include "service/together.h"

namespace sluice::service {
namespace {

core::Result<BrokerProcess> replace_broker(const Executables& executables, const Replacement& replacement,
                                           std::span<const int> all_kept, wire::WorkerStart start) {
  if (replacement.rules != nullptr) start.config.rules = *replacement.rules;
  std::vector<Tree> trees;
  for (const int kept : all_kept.subspan(kKeptRoot)) {
    auto read_only = os::clone_tree(kept, true);
    if (!read_only.ok()) return read_only.failure();
    auto read_write = os::clone_tree(kept, false);  // what is read-only stays so
    if (!read_write.ok()) return read_write.failure();
    trees.push_back({*std::move(read_only), *std::move(read_write), {}});
  }
  if (auto gone = leave_mounts(executables); !gone.ok()) return gone.failure();
  return spawn_broker(executables.broker.get(), all_kept[kKeptBrokerProgram], replacement.device, all_kept[kKeptLedger],
                      trees, start);
}

// Where the service ends meanwhile, the next one starts others: they must not meet these.
core::Outcome await(const char* process, int events, int report) {
  const auto readable = os::wait_readable_while(events, report, kReadyMilliseconds);
  return readable.ok() ? wait_ready(process, events) : readable.failure();
}

core::Outcome replace(const Executables& executables, const Replacement& replacement) {
  const auto parked = look_into_park(replacement.park);
  if (!parked.ok()) return parked.failure();
  std::vector<int> kept = numbers_of(*parked);
  // The main process hands all of it out: what nobody can have changed says what belongs to it.
  const int of_start = kept[kKeptStart];
  if (!os::is_memory(of_start, 1, wire::kWorkerStartMost, true)) return core::Failure{EPERM, core::Reason::kNotPermitted};
  auto bytes = os::read_sealed_file(of_start, wire::kWorkerStartMost);
  if (!bytes.ok()) return bytes.failure();
  auto start = wire::decode_worker_start(*bytes);
  if (!start.ok()) return start.failure();
  auto together = check_parts(*start, replacement.device, std::span<const int>(kept).subspan(kKeptRoot));
  if (!together.ok()) return together;
  // That of another version may not know how to wait.
  if (replacement.spare && !os::is_same_file(executables.worker.get(), kept[kKeptProgram])) return core::Done{};
  const uint32_t private_uid = start->config.private_uid;
  std::vector<os::Fd> trees;
  for (const int tree : std::span<const int>(kept).subspan(kKeptRoot)) {
    auto copy = os::clone_tree(tree, false);
    if (!copy.ok()) return copy.failure();
    trees.push_back(*std::move(copy));
  }
  std::optional<BrokerProcess> broker;
  os::Fd park_of_both;
  if (replacement.with_broker) {
    auto made = replace_broker(executables, replacement, kept, *std::move(start));
    if (!made.ok()) return made.failure();
    broker = *std::move(made);
    for (size_t i = 0; i < broker->channels.size(); ++i) kept[kKeptGrantRw + i] = broker->channels[i].get();
    auto parked_again = park(kept, private_uid);
    if (!parked_again.ok()) {
      os::end_child(broker->child);
      return parked_again.failure();
    }
    park_of_both = *std::move(parked_again);
  }
  if (auto gone = leave_mounts(executables); !gone.ok()) return gone;
  auto worker = spawn_worker(executables.worker.get(), replacement.device, replacement.counters, replacement.watch, kept,
                             numbers_of(trees), replacement.rules,
                             replacement.spare ? Place::kSpare : Place::kLater);
  auto done = worker.ok() ? core::Outcome(core::Done{}) : worker.failure();
  if (done.ok() && broker) done = await("broker", broker->events.get(), replacement.report);
  if (done.ok()) done = await("worker", worker->events.get(), replacement.report);
  if (done.ok()) {
    wire::Report report{wire::ReportKind::kMadeWorker, 0, static_cast<uint64_t>(worker->child.pid), {}, {}, {}};
    std::vector<int> fds = {worker->child.pidfd.get(), worker->events.get(), worker->watch.get()};
    if (broker) {
      report.kind = wire::ReportKind::kMadeBoth;
      report.uid = static_cast<uint32_t>(broker->child.pid);
      fds.insert(fds.end(), {broker->child.pidfd.get(), broker->events.get(), park_of_both.get()});
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
    log(replacement.spare ? Level::kNotice : Level::kError, replacement.spare ? "no-spare" : "worker-not-replaced",
        {{"reason", describe(done.failure())}});
  }
}

}  // namespace sluice::service
