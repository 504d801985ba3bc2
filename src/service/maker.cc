#include "service/maker.h"

#include <cstring>

#include "os/channel.h"
#include "os/poller.h"
#include "os/self.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "service/log.h"
#include "service/setup.h"

namespace sluice::service {
namespace {

// Between two processes forked from one program; nobody else is on the channel.
struct Order {
  uint64_t id;
  uint64_t log_refusal;
};

struct Workshop {
  int channel;
  const Executables* executables;
  MakerOptions options;
};

void serve_order(const Workshop& workshop, const Order& order, int peer, int report) {
  auto identity = os::peer_of(peer);
  if (!identity.ok()) return;
  Setup setup{peer, report, *std::move(identity), workshop.executables, workshop.options,
              order.log_refusal != 0, order.id};
  const int keep[] = {peer, report, workshop.executables->broker.get(),
                      workshop.executables->worker.get(), workshop.executables->foreign_broker.get(), log_descriptor()};
  auto child = os::fork_helper(
      keep, [](void* argument) { run_setup(*static_cast<Setup*>(argument)); }, &setup);
  if (!child.ok()) {
    log(Level::kError, "fork-failed", {{"reason", describe(child.failure())}});
    return;
  }
  uint8_t answer[sizeof(order.id)];
  std::memcpy(answer, &order.id, sizeof(answer));
  const int pidfd = child->pidfd.get();
  (void)os::send_message(workshop.channel, answer, {&pidfd, 1});
}

void work(const Workshop& workshop) {
  os::name_process("sluiced-maker");
  os::let_children_go();
  for (;;) {
    uint8_t bytes[sizeof(Order)];
    auto message = os::receive_message(workshop.channel, bytes, 2);
    if (!message.ok() || message->length != sizeof(Order) || message->fds.size() != 2) return;
    Order order;
    std::memcpy(&order, bytes, sizeof(order));
    serve_order(workshop, order, message->fds[0].get(), message->fds[1].get());
  }
}

}  // namespace

core::Result<Maker> Maker::start(const Executables& executables, MakerOptions options) {
  auto pair = os::socket_pair();
  if (!pair.ok()) return pair.failure();
  Workshop workshop{pair->second.get(), &executables, options};
  const int keep[] = {workshop.channel, executables.broker.get(), executables.worker.get(), executables.foreign_broker.get(),
                      log_descriptor()};
  auto child = os::fork_helper(
      keep, [](void* argument) { work(*static_cast<const Workshop*>(argument)); }, &workshop);
  if (!child.ok()) return child.failure();
  if (auto set = os::set_nonblocking(pair->first.get()); !set.ok()) return set.failure();
  return Maker(std::move(pair->first), child->pid);
}

core::Outcome Maker::ask(uint64_t id, bool log_refusal, int peer, int report) const {
  const Order order{id, log_refusal ? 1u : 0u};
  const int fds[] = {peer, report};
  return os::send_message(channel_.get(), {reinterpret_cast<const uint8_t*>(&order), sizeof(order)},
                          fds);
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
