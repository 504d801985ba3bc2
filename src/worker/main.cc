// sluice-worker: serves the metadata of one view. It can neither open a file's contents nor grant.
//
// Started by the service with the descriptors of sandbox/fds.h and the view's identity. It makes the
// source tree its root, gives up everything, and only then reads the first request.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "core/limits.h"
#include "os/change_watch.h"
#include "os/channel.h"
#include "os/memory_file.h"
#include "os/process_name.h"
#include "os/random.h"
#include "os/self.h"
#include "os/shared_file.h"
#include "sandbox/fds.h"
#include "wire/event.h"
#include "wire/node_table.h"
#include "wire/worker_start.h"
#include "worker/confinement.h"
#include "worker/legacy.h"
#include "worker/record.h"
#include "worker/session.h"

namespace sluice::worker {
namespace {

constexpr size_t kMostConfigBytes = 256 * 1024;
// Less than the service waits for a process that it has started: then the log says why.
constexpr int kCatchUpMilliseconds = 3000;

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

// What cannot be watched is remembered for a short time only; the view does without. Where nothing is
// remembered there is nothing to watch for.
void start_watches(Watches& watches, const wire::ViewConfig& config, std::span<const int> grafts) {
  // What the worker before this one has marked is none of its nodes.
  if (config.coherence_milliseconds == 0 || !os::clear_change_watch(sandbox::kFdWatch)) return;
  std::vector<int> roots = {sandbox::kFdRoot};
  roots.insert(roots.end(), grafts.begin(), grafts.end());
  // Beyond the default somebody wants to be asked less often, and not to see less.
  const bool files_too = config.coherence_milliseconds > core::Limits::kCoherenceMilliseconds;
  watches.start(sandbox::kFdWatch, roots, files_too ? os::Watched::kNamesAndFiles : os::Watched::kNames);
}

// Until the worker before it has ended: the service has then told it to begin. Where the service goes, or has another use for
// the view, it ends. Confined, it has read its configuration and nothing that anybody else wrote.
void wait_for_turn() {
  os::name_process("sluice-spare");
  report(wire::EventKind::kReady, {0, core::Reason::kNone}, "");
  uint8_t word[sizeof(wire::kBegin) + 1];
  const auto readable = os::wait_readable_while(sandbox::kFdEvents, sandbox::kFdEvents, -1);
  const auto length = readable.ok() ? os::read_message(sandbox::kFdEvents, word) : readable.failure();
  if (!length.ok() || !std::equal(word, word + *length, std::begin(wire::kBegin), std::end(wire::kBegin))) ::_exit(0);
  os::name_process("sluice-worker");
}

// Whether another worker was here before, the service says by the number, and not the table: by what is there, a hostile one
// would make the next believe that it is the first, and take each answer of the broker's for that to another question.
std::span<uint8_t> map_table(bool* later) {
  void* memory = nullptr;
  int number = -1;
  for (const int each : {sandbox::kFdLeftTable, sandbox::kFdSpareTable, sandbox::kFdTable}) {
    number = each;
    memory = os::map_counters(number, wire::kTableBytes, true);
    if (memory != nullptr) break;
  }
  if (memory == nullptr) must("table", os::failure());
  ::close(number);
  *later = number != sandbox::kFdTable;
  if (number == sandbox::kFdSpareTable) wait_for_turn();
  const std::span bytes(static_cast<uint8_t*>(memory), wire::kTableBytes);
  if (!*later && !wire::is_blank(bytes)) must("table", core::Failure{EPROTO, core::Reason::kProtocol});
  return bytes;
}

int run() {
  // One arena for all threads: another would be made with calls that the policy forbids.
  ::mallopt(M_ARENA_MAX, 1);
  must("undumpable", os::become_undumpable());
  const bool recorded = Record::is_wanted();
  const auto bytes =
      must_have("configuration", os::read_sealed_file(sandbox::kFdConfig, kMostConfigBytes));
  ::close(sandbox::kFdConfig);
  wire::ViewConfig config = must_have("configuration", wire::decode_view_config(bytes));
  const char* step = "";
  const auto confined = confine(config, &step);
  must(step, confined);

  // From here on it reads what another worker wrote.
  bool later = false;
  const std::span<uint8_t> table_bytes = map_table(&later);
  std::optional<wire::LeftTable> left;
  if (later) {
    left = must_have("table", wire::read_table(table_bytes, static_cast<uint32_t>(config.grafts.size()) + 1));
  }
  const wire::LeftTable* before = left ? &*left : nullptr;
  void* page = os::map_counters(sandbox::kFdCounters, wire::kCounterPage, true);
  ::close(sandbox::kFdCounters);
  if (page == nullptr) must("counters", os::failure());
  // What was counted goes on being counted; what that one was at is over.
  auto* counters = before != nullptr ? static_cast<wire::Counters*>(page) : new (page) wire::Counters;
  counters->busy.store(0, std::memory_order_relaxed);

  std::vector<int> grafts(config.grafts.size());
  std::iota(grafts.begin(), grafts.end(), sandbox::kFdGrafts);
  Watches watches;
  start_watches(watches, config, grafts);
  Legacy legacy(table_bytes, before);
  const auto table = must_have("root", Table::create(sandbox::kFdRoot, grafts, watches, legacy, before));
  for (const int graft : grafts) ::close(graft);
  const bool several_cores = std::thread::hardware_concurrency() > 1;
  BrokerLink read_write(sandbox::kFdGrantRw, &legacy.intent(), several_cores);
  BrokerLink read_only(sandbox::kFdGrantRo, nullptr, several_cores);
  OpenFiles files(*table, config.read_only, config.most_grants, read_write, read_only, *counters);
  Names names(*table, read_write);
  DataThread data(sandbox::kFdData);
  ViewRules rules(*table, std::move(config.rules), before);
  Forgetter forgetter(sandbox::kFdFuse);
  Listings listings(legacy, left ? std::move(left->listings) : std::map<uint64_t, wire::LeftListing>());
  left.reset();  // as large as the view was, and of no use any more
  Worker worker{config,  *table,    rules,     files,            listings,           names, data,
                watches, forgetter, *counters, sandbox::kFdFuse, sandbox::kFdEvents, {}};
  std::optional<Record> record;
  if (recorded) worker.record = &record.emplace(*table, sandbox::kFdRecord);
  const auto session = Session::create(worker);
  if (session == nullptr) must("libfuse", core::Failure{EINVAL, core::Reason::kSystem});
  int64_t nonce = 0;
  if (later) {
    nonce = static_cast<int64_t>(must_have("random", os::random_number()) >> 1 | 1);
    // First: what they still have to do may grant a file.
    for (BrokerLink* link : {&read_only, &read_write}) {
      must("broker", link->catch_up(nonce, sandbox::kFdEvents, kCatchUpMilliseconds));
    }
    // Where the service has gone meanwhile, the next one starts another, which has the channels for itself.
    if (!os::wait_readable_while(sandbox::kFdEvents, sandbox::kFdEvents, 0).ok()) ::_exit(0);
    must("broker", files.take_over());
  }
  data.start(nonce, sandbox::kFdEvents);
  if (!forgetter.start()) must("forgetter", core::Failure{EINVAL, core::Reason::kSystem});
  must("seccomp", install_policy(config));
  report(wire::EventKind::kReady, {0, core::Reason::kNone}, "");
  if (later) {
    // Where the service has given it up meanwhile, there may be another one.
    if (!os::wait_readable_while(sandbox::kFdFuse, sandbox::kFdEvents, 0).ok()) ::_exit(0);
    worker.go_on();
  }
  session->run();
  ::_exit(worker.rests ? wire::kExitResting : 0);  // the data thread may be waiting for a disk
}

}  // namespace

void without_broker() { ::_exit(wire::kExitWithoutBroker); }

}  // namespace sluice::worker

int main() { return sluice::worker::run(); }
