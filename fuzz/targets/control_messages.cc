// Packets on a socket of the local domain, with descriptors along: too long, cut, of other kinds,
// and with more descriptors than asked for. Whatever comes, none is left open that nobody has.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "fuzz/target.h"
#include "os/channel.h"
#include "os/socket.h"

using namespace sluice;

namespace {

// The lowest free number: the same before and after where nothing was left open.
int next_number() {
  const int fd = ::dup(2);
  ::close(fd);
  return fd;
}

// As a hostile peer puts it together: any level, type and length of control messages.
void send_raw(int socket, fuzz::Choices& choices, std::span<const uint8_t> bytes,
              std::vector<int> fds) {
  struct iovec piece {
    const_cast<uint8_t*>(bytes.data()), bytes.size()
  };
  alignas(struct cmsghdr) char control[512] = {};
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  size_t used = 0;
  for (uint32_t parts = choices.below(3);
       parts > 0 && used + CMSG_SPACE(sizeof(int) * 20) < sizeof(control); --parts) {
    auto* part = reinterpret_cast<struct cmsghdr*>(control + used);
    const bool rights = choices.byte() % 4 != 0;
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = rights ? SCM_RIGHTS : SCM_CREDENTIALS;
    if (rights) {
      const size_t count = std::min<size_t>(choices.below(20), fds.size());
      part->cmsg_len = CMSG_LEN(sizeof(int) * count);
      if (count > 0) std::memcpy(CMSG_DATA(part), fds.data(), sizeof(int) * count);
      used += CMSG_SPACE(sizeof(int) * count);
    } else {
      const struct ucred self { ::getpid(), ::getuid(), ::getgid() };
      part->cmsg_len = CMSG_LEN(sizeof(self));
      std::memcpy(CMSG_DATA(part), &self, sizeof(self));
      used += CMSG_SPACE(sizeof(self));
    }
  }
  message.msg_controllen = used;
  (void)::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Sockets that somebody listens at: of connections, by a path, and of datagrams, without.
struct Listeners {
  Listeners() {
    const char* const base =
        std::getenv("SLUICE_FUZZ_SCRATCH");  // gone after a run, however it ends
    std::string directory = std::string(base != nullptr ? base : "/tmp") + "/sluice-fuzz-XXXXXX";
    FUZZ_HOLDS(::mkdtemp(directory.data()) != nullptr);
    path = directory + "/socket";
    connections = bound(SOCK_SEQPACKET, path);
    FUZZ_HOLDS(::listen(connections, 8) == 0);
    std::atexit([] {
      ::unlink(get().path.c_str());
      ::rmdir(get().path.substr(0, get().path.rfind('/')).c_str());
    });
    name = "@sluice-fuzz-" + std::to_string(::getpid());
    bound(SOCK_DGRAM, name);
  }
  static Listeners& get() {
    static Listeners* const the = new Listeners;
    return *the;
  }
  std::string path, name;
  int connections;

 private:
  static int bound(int type, const std::string& at) {
    const int socket = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, at.data(), at.size());
    if (at.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + at.size());
    FUZZ_HOLDS(::bind(socket, reinterpret_cast<const struct sockaddr*>(&address), length) == 0);
    return socket;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static uint8_t bytes[4096], buffer[4096];
  const Listeners& listeners = Listeners::get();
  const int free_before = next_number();
  {
    fuzz::Choices choices(data, size);
    auto pair = os::socket_pair();
    FUZZ_HOLDS(pair.ok());
    auto& [ours, theirs] = *pair;
    FUZZ_HOLDS(os::set_timeout(ours.get(), 1).ok());
    ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);  // what was not sent is not waited for
    const int own_fds[36] = {ours.get(), 2, 0, 1, theirs.get(), 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
                             2,          2, 2, 2};
    if (choices.flag()) {
      const int on = 1;
      ::setsockopt(ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    }
    for (int packets = 0; choices.more() && packets < 16; ++packets) {
      const size_t length = choices.below(4096), room = 1 + choices.below(4095),
                   most_fds = choices.below(36);
      const size_t count = choices.below(36);
      std::memset(bytes, choices.byte(), length);
      const bool own = choices.flag();
      if (own) {
        const auto sent = os::send_message(theirs.get(), {bytes, length}, {own_fds, count});
        FUZZ_HOLDS(sent.ok() == (count <= 34));
        if (!sent.ok()) continue;
      } else {
        send_raw(theirs.get(), choices, {bytes, length},
                 std::vector<int>(own_fds, own_fds + count));
      }
      if (choices.byte() % 8 == 0) {
        // A confined process takes the bytes, and the kernel drops what came along.
        const auto got = os::read_message(ours.get(), {buffer, room});
        if (own && got.ok()) FUZZ_HOLDS(*got == std::min(length, room));
        continue;
      }
      const auto got = os::receive_message(ours.get(), {buffer, room}, most_fds);
      if (!got.ok()) {
        if (own)
          FUZZ_HOLDS(length > room || count > most_fds || got.failure().error == EPROTO ||
                     length == 0);
        continue;
      }
      FUZZ_HOLDS(got->length <= room && got->fds.size() <= most_fds);
      if (own) {
        FUZZ_HOLDS(got->length == length && got->fds.size() == count);
        FUZZ_HOLDS(std::equal(bytes, bytes + length, buffer));
        for (const os::Fd& fd : got->fds)
          FUZZ_HOLDS((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
      }
    }
    if (choices.byte() % 8 == 0) {
      // Addresses of any length and form, where nobody listens.
      const std::string text(choices.text(200));
      FUZZ_HOLDS(!os::connect_to("/nonexistent/" + text).ok() &&
                 !os::datagrams_to("/nonexistent/" + text).ok());
      FUZZ_HOLDS(!os::datagrams_to("@nonexistent/" + text).ok() &&
                 !os::datagrams_to("nonexistent/" + text).ok());
      const auto confined = os::peer_is_confined(ours.get());
      if (confined.ok()) FUZZ_HOLDS(!*confined);
      (void)os::groups_of_peer(ours.get());
      const auto label = os::label_in_proc_of_peer(ours.get());
      if (label.ok()) FUZZ_HOLDS(!label->ends_with('\n'));
      const auto connected = os::connect_to(listeners.path);
      FUZZ_HOLDS(connected.ok());
      ::close(::accept(listeners.connections, nullptr, nullptr));
      const auto datagrams = os::datagrams_to(listeners.name);
      FUZZ_HOLDS(datagrams.ok());
    }
    if (choices.byte() % 4 == 0) {
      // A worker's wait: for a request, for its service, and for a third.
      auto [service, lifeline] = *os::socket_pair();
      const bool speaks = choices.flag(), gone = choices.flag(), asks = choices.flag(),
                 has_third = choices.flag();
      const uint8_t word[] = {1};
      if (speaks) FUZZ_HOLDS(os::write_message(service.get(), word).ok());
      if (gone) service.reset();
      if (asks) FUZZ_HOLDS(os::write_message(theirs.get(), word).ok());
      struct pollfd before {
        ours.get(), POLLIN, 0
      };
      (void)::poll(&before, 1, 0);
      const auto readable =
          os::wait_readable_while(ours.get(), lifeline.get(), 0, has_third ? lifeline.get() : -1);
      FUZZ_HOLDS(readable.ok() == !gone);
      if (readable.ok()) {
        FUZZ_HOLDS(readable->fd == (before.revents != 0) && readable->lifeline == speaks);
        FUZZ_HOLDS(readable->other == (has_third && speaks));
      }
    }
    if (choices.flag()) theirs.reset();
    (void)os::receive_message(ours.get(), buffer, 4);
    (void)os::peer_of(ours.get());
  }
  FUZZ_HOLDS(next_number() == free_before);
  return 0;
}
