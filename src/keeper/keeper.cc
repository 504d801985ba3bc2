#include "keeper/keeper.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "os/listener.h"
#include "os/socket.h"
#include "wire/keeper_message.h"

namespace sluice::keeper {
namespace {

constexpr int kStartMilliseconds = 10'000;  // until the service that has started it is there
constexpr int kPeerMilliseconds = 3000;     // for each thing that one who connects has to do

// false: it has gone, or does not read.
bool send(int peer, std::span<const uint8_t> bytes, std::span<const int> fds = {}) {
  for (;;) {
    const auto sent = os::send_message(peer, bytes, fds);
    if (sent.ok() || sent.failure().error != EAGAIN) return sent.ok();
    const auto writable = os::wait_writable(peer, kPeerMilliseconds);
    if (!writable.ok() || !*writable) return false;
  }
}

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

core::Outcome Keeper::run() {
  if (auto added = poller_.add(listener_, 0); !added.ok()) return added;
  for (int milliseconds = kStartMilliseconds;; milliseconds = -1) {
    if (auto events = poller_.wait(milliseconds); !events.ok()) return events.failure();
    if (service_) hear();
    admit_all();
    // Who connects from now on finds nobody, and starts another.
    if (!service_ && kept_.empty()) return core::Done{};
  }
}

void Keeper::admit_all() {
  for (auto peer = os::accept_from(listener_); peer.ok(); peer = os::accept_from(listener_)) admit(*std::move(peer));
}

void Keeper::admit(os::Fd peer) {
  // Root's alone. Whoever that is could open the socket's directory, and take the processes' descriptors as well.
  const auto identity = os::peer_of(peer.get());
  if (!identity.ok() || identity->uid != 0) return;
  if (!os::set_nonblocking(peer.get()).ok() || !greet(peer.get()) || service_) return;
  if (!poller_.add(peer.get(), 0).ok()) return;
  service_ = std::move(peer);
  hear();
}

bool Keeper::greet(int peer) const {
  uint8_t bytes[wire::kKeeperMessageMost];
  const auto said = os::wait_readable(peer, kPeerMilliseconds);
  if (!said.ok() || !*said) return false;
  auto hello = os::receive_message(peer, bytes, 0);
  if (!hello.ok()) return false;
  const auto version = wire::decode_keeper_hello({bytes, hello->length});
  if (!version.ok()) return false;
  const bool taken = static_cast<bool>(service_);
  const auto count = taken ? 0u : static_cast<uint32_t>(kept_.size());
  if (!send(peer, wire::encode_keeper_welcome({taken, count}, *version))) return false;
  if (taken) return true;
  return std::all_of(kept_.begin(), kept_.end(), [&](const Kept& each) {
    const int fd = each.fd.get();
    return send(peer, bytes_of(each.name), {&fd, 1});
  });
}

void Keeper::hear() {
  uint8_t bytes[wire::kKeeperMessageMost];
  for (;;) {
    auto order = os::receive_message(service_.get(), bytes, 1);
    if (!order.ok() && order.failure().error == EAGAIN) return;
    if (order.ok() && order->length > 0 && obey({bytes, order->length}, std::move(order->fds))) continue;
    poller_.remove(service_.get());
    service_.reset();
    return;
  }
}

// As a service manager: of one name there may be several, of which the next service takes none.
bool Keeper::obey(std::span<const uint8_t> words, std::vector<os::Fd> fds) {
  auto order = wire::decode_keeper_order(words);
  if (!order.ok() || fds.size() != (order->keep ? 1u : 0u)) return false;
  if (!order->keep) {
    std::erase_if(kept_, [&](const Kept& each) { return each.name == order->name; });
    return true;
  }
  if (kept_.size() >= wire::kMostKept) return false;
  kept_.push_back({std::move(order->name), std::move(fds[0])});
  return true;
}

}  // namespace sluice::keeper
