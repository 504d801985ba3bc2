// Ending and reaping what a view or a set-up process leaves.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "core/reason_text.h"
#include "service/clock.h"
#include "service/log.h"
#include "service/service.h"

namespace sluice::service {
namespace {

constexpr int64_t kGraceMilliseconds = 200;
constexpr int64_t kReapedMilliseconds = 10'000;
// It closes what it granted first: what is killed before that leaves it to the kernel.
constexpr int64_t kForeignGraceMilliseconds = 1500;

}  // namespace

void Service::put_end(Ending ending) {
  if (ending.ours) {
    ending.kill_at = now_milliseconds() + (ending.grants > 0 ? kForeignGraceMilliseconds : kGraceMilliseconds);
  } else {
    os::kill_process(ending.process.get());
  }
  const uint64_t id = next_id();
  (void)poller_.add(ending.process.get(), tag(id, kEnding));
  ending_[id] = std::move(ending);
}

bool Service::reap(const Ending& ending) {
  const auto end = os::reap(ending.process.get());
  // Its parent, a set-up process, may not be quite gone; then it is ours, and is tried again.
  // What cannot even be killed any more was reaped by it.
  if (!end.ok()) return end.failure().error == ECHILD && !os::kill_process(ending.process.get());
  if (end->by_policy() && ending.worker_of != 0) violated_.push_back(ending.worker_of);
  const bool killed_here = ending.kill_at == 0 || ending.worker_of != 0;
  if (!end->exited && (!killed_here || end->by_policy())) {
    log(Level::kError,
        end->by_policy() ? core::reason_name(core::Reason::kConfinementViolated) : "killed",
        {{"view", ending.view}, {"process", ending.name}, {"signal", absl::StrCat(end->code)}});
  }
  return true;
}

// Who did what no worker does gets no second try, also where that is known late.
void Service::end_violated() {
  for (const uint64_t id : std::exchange(violated_, {})) end_view(id, "worker violated its confinement");
}

void Service::kill_late() {
  // Of another's children nobody tells when they have been reaped, which they may never be.
  absl::erase_if(ending_, [&](const auto& entry) {
    const Ending& ending = entry.second;
    return ending.gone_at != 0 && (reap(ending) || now_milliseconds() - ending.gone_at > kReapedMilliseconds);
  });
  for (auto& [id, ending] : ending_) {
    if (ending.kill_at == 0 || ending.kill_at > now_milliseconds()) continue;
    ending.kill_at = 0;
    os::kill_process(ending.process.get());
  }
}

void Service::reap_ended(uint64_t id) {
  const auto found = ending_.find(id);
  if (found == ending_.end()) return;
  poller_.remove(found->second.process.get());
  const bool ours = found->second.ours;
  found->second.gone_at = now_milliseconds();
  if (!ours || reap(found->second)) ending_.erase(found);
  if (ours) return;
  absl::erase_if(ending_, [&](const auto& entry) { return entry.second.ours && reap(entry.second); });
}

void Service::reap_orphans() {
  // What ends in order, which is asked how it ended, comes first; also what did while others were looked for.
  const auto reap_ours = [this] {
    return absl::erase_if(ending_, [&](const auto& entry) {
      const bool gone = entry.second.ours && reap(entry.second);
      if (gone) poller_.remove(entry.second.process.get());
      return gone;
    });
  };
  reap_ours();
  for (pid_t pid = os::ended_child(); pid > 0; pid = os::ended_child()) {
    const bool of_view = std::any_of(views_.begin(), views_.end(), [pid](const auto& entry) {
      return entry.second->info.broker_pid == pid || entry.second->info.worker_pid == pid ||
             entry.second->spare.pid == pid;
    });
    if (of_view) return;  // until its view has ended
    if (reap_ours() == 0) os::reap_child(pid);
  }
}

}  // namespace sluice::service
