#include "service/keeper.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/limits.h"
#include "os/listener.h"
#include "os/own_directory.h"
#include "os/poller.h"
#include "os/process.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "service/clock.h"
#include "service/processes.h"
#include "wire/keeper_message.h"

namespace sluice::service {
namespace {

using core::Failure;
using core::Reason;

constexpr char kSocketName[] = "keeper.sock", kLockName[] = "keeper.lock";
// Next to those of views: nobody has it.
constexpr uint32_t kKeeperUid = core::Limits::kFirstPrivateUid + core::Limits::kPrivateUids;
constexpr int kListenerInKeeper = 3;
constexpr uint32_t kAnswerMilliseconds = 5000;
// The kernel may be closing what the service before this one had, and a keeper may be about to end.
constexpr int64_t kPatienceMilliseconds = 2000;
constexpr int kPauseMilliseconds = 10;

bool nobody_listens(const Failure& why) {
  return why.reason == Reason::kSystem && (why.error == ENOENT || why.error == ECONNREFUSED);
}
bool has_ended(const Failure& why) {
  return why.reason == Reason::kSystem && (why.error == EPIPE || why.error == ECONNRESET);
}

core::Outcome start_keeper(const std::string& path, int executable) {
  auto listener = os::listen_at(path, 0600);
  if (!listener.ok()) return listener.failure();
  auto null = os::checked_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.ok()) return null.failure();
  os::ChildSpec keeper{};
  keeper.executable = executable;
  keeper.name = "sluice-keeper";
  // Not this process's standard error: who reads that would wait for an end that does not come.
  keeper.fds = {{null->get(), 0}, {null->get(), 1}, {null->get(), 2}, {listener->socket.get(), kListenerInKeeper}};
  keeper.uid = keeper.gid = kKeeperUid;
  keeper.capabilities = {CAP_SETPCAP};  // until it has locked its securebits
  // Not of processes: an administrator ends it, and it is no init.
  keeper.namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  keeper.most_files = std::min(wire::kMostKept + 64, os::most_files());
  auto child = os::spawn(keeper);
  if (!child.ok()) return child.failure();
  return core::Done{};
}

core::Result<os::Message> next(int socket, std::span<uint8_t> buffer, size_t fds) {
  auto message = os::receive_message(socket, buffer, fds);
  if (!message.ok() && message.failure().error == EAGAIN) return Failure{ETIMEDOUT, Reason::kTimeout};
  if (message.ok() && message->length == 0) return Failure{EPIPE, Reason::kSystem};
  return message;
}

core::Result<std::vector<Given::Stored>> greet(int socket) {
  if (auto set = os::set_timeout(socket, kAnswerMilliseconds); !set.ok()) return set.failure();
  if (auto sent = os::send_message(socket, wire::encode_keeper_hello()); !sent.ok()) return sent.failure();
  uint8_t buffer[wire::kKeeperMessageMost];
  auto message = next(socket, buffer, 0);
  if (!message.ok()) return message.failure();
  const auto welcome = wire::decode_keeper_welcome({buffer, message->length});
  if (!welcome.ok()) return welcome.failure();
  if (welcome->taken) return Failure{EBUSY, Reason::kSocketTaken};
  std::vector<Given::Stored> stored;
  while (stored.size() < welcome->count) {
    auto each = next(socket, buffer, 1);
    if (!each.ok()) return each.failure();
    std::string name(reinterpret_cast<const char*>(buffer), each->length);
    if (each->fds.size() != 1 || !wire::valid_kept_name(name)) return Failure{EPROTO, Reason::kProtocol};
    stored.push_back({std::move(name), std::move(each->fds[0])});
  }
  return stored;
}

}  // namespace

core::Result<KeeperLink> reach_keeper(std::string_view directory, int executable) {
  auto held = os::hold_own_directory(directory);
  if (!held.ok()) return held.failure();
  auto lock = os::lock_in(held->get(), kLockName);
  if (!lock.ok()) return lock.failure();
  const std::string path = std::string(directory) + "/" + kSocketName;
  const int64_t deadline = now_milliseconds() + kPatienceMilliseconds;
  for (;;) {
    auto socket = os::connect_to(path);
    if (!socket.ok()) {
      if (!nobody_listens(socket.failure())) return socket.failure();
      if (auto started = start_keeper(path, executable); !started.ok()) return started.failure();
      socket = os::connect_to(path);
    }
    if (!socket.ok()) return socket.failure();
    // What somebody put here before the directory was root's alone is not root's.
    const auto keeper = os::peer_of(socket->get());
    if (!keeper.ok()) return keeper.failure();
    if (keeper->uid != 0) return Failure{EPERM, Reason::kSocketTaken};
    auto stored = greet(socket->get());
    if (stored.ok()) {
      if (auto set = os::set_nonblocking(socket->get()); !set.ok()) return set.failure();
      return KeeperLink{*std::move(lock), *std::move(socket), *std::move(stored)};
    }
    const Failure why = stored.failure();
    if ((why.error != EBUSY && !has_ended(why)) || now_milliseconds() >= deadline) return why;
    (void)os::wait_readable(-1, kPauseMilliseconds);  // nothing: a pause
  }
}

}  // namespace sluice::service
