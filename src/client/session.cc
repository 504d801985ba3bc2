#include "client/session.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/backing.h"
#include "wire/foreign_reply.h"

namespace sluice::client {
namespace {

using core::Failure;
using core::Reason;

constexpr int64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;
// How long a service that restarts is waited for.
constexpr int64_t kPatience = kSecond;
// How long a broker may think; it waits for no disk.
constexpr int64_t kAnswer = 5 * kSecond;
// How long an answer is waited for awake: to sleep and wake takes about as long.
constexpr int64_t kSpin = 30 * kMicrosecond;
constexpr uint32_t kMostSpinsPaid = 8;
constexpr int32_t kMostErrno = 4095;

bool hung_up(int error) { return error == EPIPE || error == ECONNRESET || error == ENOTCONN; }

// What another moment may change by itself.
bool will_pass(const Failure& why, bool was_connected) {
  switch (why.reason) {
    case Reason::kConnectionTaken:  // the broker before this one is still going
    case Reason::kLimitSetups:
      return true;
    case Reason::kChildFailed:
      return was_connected;
    case Reason::kSystem:
      if (hung_up(why.error) || why.error == EAGAIN) return true;
      return was_connected && (why.error == ECONNREFUSED || why.error == ENOENT);
    default:
      return false;
  }
}

// What a caller is told: one errno for a service that is not there, in whatever way.
Failure as_told(const Failure& why) {
  const bool absent = why.reason == Reason::kSystem && (hung_up(why.error) || why.error == ECONNREFUSED || why.error == ENOENT);
  return absent || why.reason == Reason::kTimeout ? Failure{EAGAIN, why.reason} : why;
}

// Of two ids of a connection: whether the other was given first. After the last number they begin anew.
bool later(int32_t id, int32_t other) {
  constexpr uint32_t kNumbers = 0x7fffffff;
  return other == 0 || ((static_cast<uint32_t>(id) - static_cast<uint32_t>(other) - 1) & kNumbers) < kNumbers / 2;
}

template <typename T>
std::span<const uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}

// device: what it is about; < 0: the service makes one.
core::Result<Welcome> say_hello(const char* socket, int device, int64_t deadline) {
  auto service = os::connect_now(socket);
  if (!service.ok()) return service.failure();
  const bool makes = device < 0;
  const wire::ForeignHello hello{wire::kForeignMagic, wire::kForeignVersion, makes ? wire::kForeignMake : 0, 0};
  if (auto sent = os::send_packet(service->get(), bytes_of(hello), device); !sent.ok()) return sent.failure();
  uint8_t buffer[wire::kForeignReplyMost];
  auto packet = os::receive_packet(service->get(), buffer, 0, deadline);
  if (!packet.ok()) return packet.failure();
  if (packet->length == 0) return Failure{EPIPE, Reason::kSystem};
  const auto reply = wire::decode_foreign_reply({buffer, packet->length});
  if (!reply.ok()) return reply.failure();
  if (reply->reason != 0) return Failure{reply->error, static_cast<Reason>(reply->reason)};
  // They come in this order: as many as were asked for, and no more.
  const bool all = makes ? static_cast<bool>(packet->fds[3]) : packet->fds[1] && !packet->fds[2];
  if (!all) return Failure{EPROTO, Reason::kProtocol};
  return Welcome{std::move(packet->fds[0]), std::move(packet->fds[1]), std::move(packet->fds[2]), std::move(packet->fds[3])};
}

}  // namespace

core::Result<Welcome> have_connection_made(const char* socket) {
  const int64_t deadline = os::nanoseconds_now() + kPatience;
  for (int64_t pause = kMillisecond;; pause = std::min(2 * pause, 50 * kMillisecond)) {
    auto made = say_hello(socket, -1, deadline);
    if (made.ok()) return made;
    if (!will_pass(made.failure(), false) || os::nanoseconds_now() + pause >= deadline) return as_told(made.failure());
    os::sleep_nanoseconds(pause);
  }
}

Session::Session(os::Fd device, const char* socket, Welcome welcome) : device_(std::move(device)) {
  read_only_.socket = std::move(welcome.read_only);
  read_write_.socket = std::move(welcome.read_write);
  was_connected_ = static_cast<bool>(read_write_.socket);
  std::strncpy(socket_, socket, sizeof(socket_) - 1);
  socket_[sizeof(socket_) - 1] = '\0';
}

void Session::look_for_fork() {
  if (!fork_mark_.begin()) return;
  // Whoever had a lock when the process was copied is not here. The sockets are the other process's, too: a
  // request on them would take its answers. Its broker stays; this process gets one of its own.
  connecting_.forget();
  for (Channel* channel : {&read_only_, &read_write_}) {
    channel->mutex.forget();
    channel->socket.reset();
  }
  generation_.fetch_add(1);
  ended_.store(latest_);
  patient_ = true;
  failures_ = 0;
  not_before_ = 0;
  fork_mark_.done();
}

// An ioctl on a /dev/fuse that waits for its mount would wait, too.
bool Session::kernel_may_be_asked() {
  if (way_.load(std::memory_order_relaxed) == Way::kBroker) return false;
  if (mounted_.load(std::memory_order_relaxed)) return true;
  if (os::ioctl_may_wait(device_.get())) return false;
  mounted_.store(true, std::memory_order_relaxed);
  return true;
}

core::Result<int> Session::open(int file) {
  look_for_fork();
  const auto mode = os::access_mode(file);
  if (!mode.ok()) return mode.failure();
  if (kernel_may_be_asked()) {
    const auto id = os::backing_open(device_.get(), file);
    if (id.ok()) way_.store(Way::kKernel, std::memory_order_relaxed);
    if (id.ok() || id.failure().error != EPERM) return id;
  }
  auto& channel = *mode == O_RDONLY ? read_only_ : read_write_;
  const auto id = ask(channel, {wire::BackingOp::kOpen, 0}, file);
  if (id.ok()) way_.store(Way::kBroker, std::memory_order_relaxed);
  return id;
}

core::Outcome Session::close(int backing_id) {
  look_for_fork();
  if (backing_id <= 0) return Failure{EINVAL, Reason::kSystem};
  if (kernel_may_be_asked()) {
    const auto closed = os::backing_close(device_.get(), backing_id);
    if (closed.ok() || closed.failure().error != EPERM) return closed;
  }
  // The broker knows every id of the connection, whoever gave it.
  const auto closed = ask(read_only_, {wire::BackingOp::kClose, backing_id}, -1);
  if (!closed.ok()) return closed.failure();
  return core::Done{};
}

bool Session::valid(int backing_id) {
  look_for_fork();
  if (backing_id <= 0) return false;
  // A broker closes what it gave, and then hangs up.
  const os::MutexLock lock(read_only_.mutex);
  const bool lost = !read_only_.socket || os::other_end_closed(read_only_.socket.get());
  const int32_t ended = lost ? latest_ : ended_;
  return ended == 0 || later(backing_id, ended);
}

// By the threads of both channels.
void Session::note_given(int backing_id) {
  int32_t latest = latest_.load();
  while (later(backing_id, latest) && !latest_.compare_exchange_weak(latest, backing_id)) {
  }
}

core::Result<int> Session::ask(Channel& channel, const wire::BackingRequest& request, int file) {
  const int64_t deadline = os::nanoseconds_now() + kPatience;
  for (;;) {
    uint32_t generation;
    {
      const os::MutexLock lock(channel.mutex);
      generation = generation_.load();
      if (channel.socket) {
        auto id = exchange(channel, request, file);
        if (channel.socket) return id;
        // Lost. What it had done is undone: the broker closes its ids when it ends.
        const bool again = !id.ok() && id.failure().reason == Reason::kSystem && hung_up(id.failure().error);
        if (!again) return id;
        if (os::nanoseconds_now() >= deadline) return Failure{EAGAIN, Reason::kSystem};
      }
    }
    if (auto connected = connect(generation, deadline); !connected.ok()) return connected.failure();
  }
}

// Closes the channel where it cannot be used any more.
core::Result<int> Session::exchange(Channel& channel, const wire::BackingRequest& request, int file) {
  if (const auto sent = os::send_packet(channel.socket.get(), bytes_of(request), file); !sent.ok()) {
    if (hung_up(sent.failure().error)) channel.socket.reset();
    return sent.failure();
  }
  const int64_t now = os::nanoseconds_now();
  const bool spins = channel.spins_paid > 0 || ++channel.asked % 16 == 0;
  wire::BackingReply reply;
  uint8_t buffer[sizeof(reply) + 1];
  auto packet = os::receive_packet(channel.socket.get(), buffer, spins ? now + kSpin : 0, now + kAnswer);
  if (!packet.ok()) {
    channel.socket.reset();
    return packet.failure();
  }
  if (packet->length == 0) {
    channel.socket.reset();
    return Failure{EPIPE, Reason::kSystem};
  }
  if (spins) {
    const bool paid = os::nanoseconds_now() - now <= kSpin;
    channel.spins_paid = paid ? std::min(channel.spins_paid + 1, kMostSpinsPaid) : channel.spins_paid / 2;
  }
  const bool opens = request.op == wire::BackingOp::kOpen;
  if (packet->length == sizeof(reply)) std::memcpy(&reply, buffer, sizeof(reply));
  if (packet->length != sizeof(reply) || packet->fds[0] || reply.error < 0 || reply.error > kMostErrno ||
      (reply.error == 0 && opens && reply.backing_id <= 0)) {
    channel.socket.reset();
    return Failure{EPROTO, Reason::kProtocol};
  }
  if (reply.error != 0) return Failure{reply.error, static_cast<Reason>(reply.reason)};
  if (opens) note_given(reply.backing_id);
  return opens ? reply.backing_id : 0;
}

core::Outcome Session::connect(uint32_t generation, int64_t deadline) {
  // Where somebody else has meanwhile, they may be waiting for an answer already, with the lock of a channel. The caller looks again.
  const os::MutexLock connecting(connecting_);
  if (generation_.load() != generation) return core::Done{};
  const os::MutexLock first(read_only_.mutex);
  const os::MutexLock second(read_write_.mutex);
  read_only_.socket.reset();
  read_write_.socket.reset();
  ended_.store(latest_);
  if (os::nanoseconds_now() < not_before_) return last_failure_;
  for (int64_t pause = kMillisecond;; pause = std::min(2 * pause, 50 * kMillisecond)) {
    auto greeted = say_hello(socket_, device_.get(), deadline);
    if (greeted.ok()) {
      read_only_.socket = std::move(greeted->read_only);
      read_write_.socket = std::move(greeted->read_write);
      generation_.fetch_add(1);
      was_connected_ = patient_ = true;
      failures_ = 0;
      return core::Done{};
    }
    if (!patient_ || !will_pass(greeted.failure(), was_connected_)) return give_up(greeted.failure());
    if (os::nanoseconds_now() + pause >= deadline) {
      patient_ = false;
      return give_up(greeted.failure());
    }
    os::sleep_nanoseconds(pause);
  }
}

// For a while, so that no open waits for a service that is not there.
core::Failure Session::give_up(Failure why) {
  last_failure_ = as_told(why);
  failures_ = std::min(failures_ + 1, 6u);
  not_before_ = os::nanoseconds_now() + (100 * kMillisecond << (failures_ - 1));
  return last_failure_;
}

}  // namespace sluice::client
