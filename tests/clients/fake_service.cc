#include "fake_service.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "os/socket.h"

namespace sluice::clients {

FakeService::FakeService(const std::string& path, Greeting greeting, Answer answer)
    : path_(path), greeting_(std::move(greeting)), answer_(std::move(answer)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  ::unlink(path.c_str());
  listener_ = os::Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  if (::bind(listener_.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof(address)) < 0 ||
      ::listen(listener_.get(), 64) < 0) {
    std::abort();
  }
  // Signals are for the threads of the test.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { listen(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

FakeService::~FakeService() {
  stop_listening();
  end_brokers();
  for (std::thread& broker : brokers_) broker.join();
}

void FakeService::stop_listening() {
  const uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
  listener_.reset();
  ::unlink(path_.c_str());
}

void FakeService::end_brokers() {
  const std::lock_guard lock(mutex_);
  for (const int channel : channels_) ::shutdown(channel, SHUT_RDWR);
}

bool FakeService::send(int peer, const std::vector<uint8_t>& bytes, const std::vector<int>& fds) {
  return os::send_message(peer, bytes, fds).ok();
}

std::vector<uint8_t> FakeService::reply_of(const wire::BackingReply& reply) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&reply);
  return {bytes, bytes + sizeof(reply)};
}

void FakeService::listen() {
  for (;;) {
    struct pollfd waiting[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    ::poll(waiting, 2, -1);
    if (waiting[1].revents != 0) return;
    const os::Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    uint8_t hello[64];
    (void)os::set_timeout(peer.get(), 2000);
    const auto message = os::receive_message(peer.get(), hello, 1);
    if (!message.ok()) continue;
    const auto words = wire::check_foreign_hello({hello, message->length});
    if (!words.ok()) continue;
    makes_ = (words->flags & wire::kForeignMake) != 0;
    if (message->fds.size() != (makes_ ? 0 : 1)) continue;
    const int n = hellos_++;
    if (greeting_) {
      (void)greeting_(*this, peer.get(), n);
    } else {
      (void)welcome(peer.get());
    }
  }
}

bool FakeService::welcome(int peer) {
  auto read_only = os::socket_pair();
  auto read_write = os::socket_pair();
  if (!read_only.ok() || !read_write.ok()) return false;
  std::vector<int> handed = {read_only->first.get(), read_write->first.get()};
  // In the place of the connection's descriptor and mount.
  const os::Fd device(::open("/dev/null", O_RDWR | O_CLOEXEC)), mount(::open("/", O_PATH | O_CLOEXEC));
  if (makes_) handed.insert(handed.end(), {device.get(), mount.get()});
  if (!send(peer, wire::encode_reply({0, core::Reason::kNone, 100, "connection-1"}), handed)) return false;
  const std::lock_guard lock(mutex_);
  for (auto* pair : {&*read_only, &*read_write}) {
    const int channel = pair->second.release();
    channels_.push_back(channel);
    brokers_.emplace_back([this, channel] { serve(channel); });
  }
  return true;
}

void FakeService::serve(int channel) {
  for (;;) {
    uint8_t buffer[64];
    const auto message = os::receive_message(channel, buffer, 1);
    if (!message.ok() || message->length == 0) break;
    const auto request = wire::decode_backing_request({buffer, message->length}, message->fds.size());
    if (!request.ok()) break;
    if (!message->fds.empty()) last_flags_ = ::fcntl(message->fds[0].get(), F_GETFL);
    const int n = requests_++;
    std::vector<uint8_t> bytes;
    if (answer_) {
      bytes = answer_(*request, n);
    } else {
      const bool opens = request->op == wire::BackingOp::kOpen;
      live_ += opens ? 1 : -1;
      bytes = reply_of({0, 0, opens ? next_id_++ : request->backing_id, 0});
    }
    const std::vector<int> fds(attaches_ ? 1 : 0, channel);
    if (bytes.empty() || !send(channel, bytes, fds)) break;
  }
  ::shutdown(channel, SHUT_RDWR);  // the number stays this one's until the end
}

}  // namespace sluice::clients
