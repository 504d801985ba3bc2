#include "service/replacement.h"

#include "core/limits.h"
#include "os/channel.h"
#include "os/mount.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "service/log.h"
#include "service/setup.h"

namespace sluice::service {
namespace {

core::Outcome replace(const Executables& executables, const Replacement& replacement) {
  std::vector<os::Fd> trees;
  for (const int kept : replacement.kept.subspan(kKeptRoot)) {
    auto tree = os::clone_tree(kept, false);  // what is read-only stays so
    if (!tree.ok()) return tree.failure();
    trees.push_back(*std::move(tree));
  }
  auto worker = spawn_worker(executables.worker.get(), replacement.device, replacement.counters, replacement.kept,
                             numbers_of(trees), replacement.rules, Place::kLater);
  if (!worker.ok()) return worker.failure();
  // Where the service ends meanwhile, the next one starts another worker: it must not meet this one.
  const auto readable = os::wait_readable_while(worker->events.get(), replacement.report, kReadyMilliseconds);
  auto done = readable.ok() ? wait_ready("worker", worker->events.get()) : readable.failure();
  if (done.ok()) {
    const int fds[] = {worker->child.pidfd.get(), worker->events.get()};
    auto taken = ask(replacement.report,
                     {wire::ReportKind::kMadeWorker, 0, static_cast<uint64_t>(worker->child.pid), {}, {}, {}}, fds);
    done = taken.ok() ? core::Outcome(core::Done{}) : taken.failure();
  }
  if (!done.ok()) os::end_child(worker->child);
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
