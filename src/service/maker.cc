#include "service/maker.h"

#include <chrono>
#include <cstring>
#include <thread>

#include "os/channel.h"
#include "os/poller.h"
#include "os/process_name.h"
#include "os/self.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "service/log.h"
#include "service/setup.h"
#include "wire/writer.h"

namespace sluice::service {
namespace {

enum class For : uint32_t { kPeer, kWorker, kBoth, kSpare, kClose };

// Between two processes forked from one program; nobody else is on the channel. Behind it the other rules, where there
// are any.
struct Order {
  uint64_t id;
  uint32_t log_refusal, busy;  // 0 or 1, as is the last
  For what;
  uint32_t other_rules;
};
// What goes along: of a peer, or for a worker, whose watch may be none.
enum OrderFd { kOrderReport, kOrderPeer, kPeerFds, kOrderDevice = kOrderPeer, kOrderCounters, kOrderPark, kOrderWatch, kOrderFds };

struct Workshop {
  int channel;
  const Executables* executables;
  MakerOptions options;
};

// Forks the process that carries out an order, and says so.
void start(const Workshop& workshop, uint64_t id, std::vector<int> keep, void (*body)(void*), void* argument) {
  const Executables& programs = *workshop.executables;
  for (const os::Fd* one : {&programs.broker, &programs.worker, &programs.foreign_broker, &programs.few_mounts}) keep.push_back(one->get());
  keep.push_back(log_descriptor());
  auto child = os::fork_helper(keep, body, argument);
  if (!child.ok()) {
    log(Level::kError, "fork-failed", {{"reason", describe(child.failure())}});
    return;
  }
  uint8_t answer[sizeof(id)];
  std::memcpy(answer, &id, sizeof(answer));
  const int pidfd = child->pidfd.get();
  (void)os::send_message(workshop.channel, answer, {&pidfd, 1});
}

void serve_peer(const Workshop& workshop, const Order& order, std::span<const int> fds) {
  if (fds.size() != kPeerFds) return;
  auto identity = os::peer_of(fds[kOrderPeer]);
  if (!identity.ok()) return;
  Setup setup{fds[kOrderPeer], fds[kOrderReport], *std::move(identity), workshop.executables, workshop.options,
              order.log_refusal != 0, order.id, order.busy != 0};
  start(workshop, order.id, {fds.begin(), fds.end()},
        [](void* argument) { run_setup(*static_cast<Setup*>(argument)); }, &setup);
}

void serve_worker(const Workshop& workshop, const Order& order, std::span<const int> fds,
                  std::span<const uint8_t> rules) {
  if (fds.size() != kOrderFds && fds.size() != kOrderWatch) return;
  auto decoded = core::Rules::decode(rules);
  if (!decoded.ok()) return;
  struct Task {
    const Executables* executables;
    Replacement replacement;
  } task{workshop.executables, {fds[kOrderReport], fds[kOrderDevice], fds[kOrderCounters], fds[kOrderPark],
                                fds.size() == kOrderFds ? fds[kOrderWatch] : -1,
                                order.other_rules != 0 ? &*decoded : nullptr, order.what == For::kBoth,
                                order.what == For::kSpare}};
  start(workshop, order.id, {fds.begin(), fds.end()}, [](void* argument) {
    const auto& of = *static_cast<Task*>(argument);
    run_replacement(*of.executables, of.replacement);
  }, &task);
}

void work(const Workshop& workshop) {
  os::name_process("sluiced-maker");
  // One of each for all that it starts: none of them can make a socket or an object of IPC, and a network namespace takes as
  // much of the kernel's memory, which is counted to nobody, as all else of a view that rests.
  if (auto left = os::leave_host_namespaces(); !left.ok()) {
    log(Level::kError, "cannot-start", {{"step", "namespaces of the maker"}, {"reason", describe(left.failure())}});
    return;
  }
  os::let_children_go();
  std::vector<uint8_t> bytes(sizeof(Order) + core::kMaxRulesBytes);
  for (;;) {
    auto message = os::receive_message(workshop.channel, bytes, kOrderFds);
    if (!message.ok() || message->length < sizeof(Order)) return;
    Order order;
    std::memcpy(&order, bytes.data(), sizeof(order));
    const auto rest = std::span(bytes).first(message->length).subspan(sizeof(order));
    const auto fds = numbers_of(message->fds);
    if (order.what == For::kPeer) {
      serve_peer(workshop, order, fds);
    } else if (order.what == For::kClose) {
      // So that its end is the last: meanwhile this process closes its own.
      start(workshop, order.id, fds, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(100)); }, nullptr);
    } else {
      serve_worker(workshop, order, fds, rest);
    }
  }
}

}  // namespace

core::Result<Maker> Maker::start(const Executables& executables, MakerOptions options) {
  auto pair = os::socket_pair();
  if (!pair.ok()) return pair.failure();
  Workshop workshop{pair->second.get(), &executables, options};
  const int keep[] = {workshop.channel, executables.broker.get(), executables.worker.get(), executables.foreign_broker.get(),
                      executables.few_mounts.get(), log_descriptor()};
  auto child = os::fork_helper(
      keep, [](void* argument) { work(*static_cast<const Workshop*>(argument)); }, &workshop);
  if (!child.ok()) return child.failure();
  if (auto set = os::set_nonblocking(pair->first.get()); !set.ok()) return set.failure();
  return Maker(std::move(pair->first), child->pid);
}

core::Outcome Maker::ask(uint64_t id, bool log_refusal, bool busy, int peer, int report) const {
  const Order order{id, log_refusal ? 1u : 0u, busy ? 1u : 0u, For::kPeer, 0};
  const int fds[] = {report, peer};
  return os::send_message(channel_.get(), {reinterpret_cast<const uint8_t*>(&order), sizeof(order)},
                          fds);
}

core::Outcome Maker::ask_for_worker(uint64_t id, const Replacement& replacement) const {
  wire::Writer writer;
  const For what = replacement.with_broker ? For::kBoth : replacement.spare ? For::kSpare : For::kWorker;
  writer.put(Order{id, 0, 0, what, replacement.rules == nullptr ? 0u : 1u});
  if (replacement.rules != nullptr) writer.put_bytes(replacement.rules->bytes());
  const int fds[] = {replacement.report, replacement.device, replacement.counters, replacement.park, replacement.watch};
  const size_t count = replacement.watch < 0 ? kOrderWatch : kOrderFds;
  return os::send_message(channel_.get(), writer.finish(), {fds, count});
}

core::Outcome Maker::ask_to_close(uint64_t id, std::span<const int> fds) const {
  static_assert(kMostToClose <= kOrderFds);
  const Order order{id, 0, 0, For::kClose, 0};
  return os::send_message(channel_.get(), {reinterpret_cast<const uint8_t*>(&order), sizeof(order)}, fds);
}

core::Result<Maker::Started> Maker::started() const {
  uint8_t bytes[sizeof(uint64_t)];
  auto message = os::receive_message(channel_.get(), bytes, 1);
  if (!message.ok()) return message.failure();
  if (message->length != sizeof(bytes) || message->fds.size() != 1) {
    return core::Failure{EPIPE, core::Reason::kChildFailed};
  }
  Started started{0, std::move(message->fds[0])};
  std::memcpy(&started.id, bytes, sizeof(bytes));
  return started;
}

}  // namespace sluice::service
