// In the broker's place: gives up what the broker gives up, and then makes every call. Its report
// goes to the service as events.
#include <linux/capability.h>
#include <unistd.h>

#include "../call_probe.h"
#include "generated/release/broker_policy.h"
#include "os/channel.h"
#include "os/file.h"
#include "os/landlock.h"
#include "os/memory_file.h"
#include "os/root.h"
#include "os/self.h"
#include "sandbox/fds.h"
#include "wire/event.h"
#include "wire/view_config.h"

namespace sluice::adversary {
namespace {

constexpr size_t kMostConfigBytes = 256 * 1024;

void report(wire::EventKind kind, std::string_view text) {
  uint8_t message[wire::kEventMost];
  const wire::Event event{kind, 0, 0, 0, 0, 0, 0};
  (void)os::write_message(sandbox::kFdEvents, {message, wire::encode_event(event, text, message)});
}

void must(const core::Outcome& outcome, const char* step) {
  if (outcome.ok()) return;
  report(wire::EventKind::kFailed, step);
  ::_exit(1);
}

int run() {
  must(os::become_undumpable(), "undumpable");
  auto bytes = os::read_sealed_file(sandbox::kFdConfig, kMostConfigBytes);
  ::close(sandbox::kFdConfig);
  const auto config = wire::decode_view_config(*bytes);
  auto tree = os::duplicate(sandbox::kFdRoot);
  must(os::enter_tree(*std::move(tree)), "enter the source tree");
  must(os::take_uids(config->private_uid, config->uid), "uids");
  const int keep[] = {CAP_SYS_ADMIN, CAP_DAC_OVERRIDE, CAP_FOWNER};
  must(sandbox::keep_capabilities({keep, config->preserve ? size_t{3} : size_t{1}}), "capabilities");
  must(os::landlock_restrict(os::kGrantReadWrite, {{sandbox::kFdRootRw}},
                             config->missing),
       "landlock");
  report(wire::EventKind::kReady, "");
  probe_all(
      sandbox::broker_policy(),
      [] { return sandbox::install_filter(sandbox::broker_policy()).ok(); },
      [](const std::string& line) { report(wire::EventKind::kFailed, "probe " + line); });
  report(wire::EventKind::kFailed, "done");
  (void)os::wait_readable_while(sandbox::kFdGrantRw, sandbox::kFdEvents, -1);
  return 0;
}

}  // namespace
}  // namespace sluice::adversary

int main() { return sluice::adversary::run(); }
