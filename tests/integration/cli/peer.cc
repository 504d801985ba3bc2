// A peer of the service that does not behave: what bash cannot say on a SOCK_SEQPACKET socket.
//
//   peer SOCKET silent SECONDS     connects, says nothing, and prints "closed" if it is hung up on
//   peer SOCKET send HEX           one packet of these bytes; prints the reply's reason or "closed"
//   peer SOCKET half               the first half of a proper hello
//   peer SOCKET fds N              a list hello with N descriptors where none belongs
//   peer SOCKET unread             asks for the list and never reads it
//   peer SOCKET flood COUNT        so many connections at once, none of which says anything
//   peer SOCKET storm COUNT        so many, one after the other, each with garbage, reading nothing
//   peer SOCKET end NAME           asks for the end of a view; prints the reply's reason
//   peer SOCKET mount DIRECTORY    asks for a view of what it opened for reading, not as O_PATH
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/reason_text.h"
#include "wire/control.h"

namespace {

using sluice::wire::Hello;
using sluice::wire::HelloKind;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connected(const char* path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (::connect(fd, reinterpret_cast<const struct sockaddr*>(&address), sizeof(address)) < 0) {
    die("connect");
  }
  return fd;
}

void send_bytes(int fd, const std::vector<uint8_t>& bytes, const std::vector<int>& fds = {}) {
  struct iovec piece {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  if (::sendmsg(fd, &message, MSG_NOSIGNAL) < 0) die("sendmsg");
}

// The reply within 15 s, in a word.
int print_reply(int fd) {
  struct pollfd waiting {fd, POLLIN, 0};
  if (::poll(&waiting, 1, 15000) <= 0) {
    std::puts("nothing");
    return 0;
  }
  std::vector<uint8_t> buffer(64 * 1024);
  const ssize_t length = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (length <= 0) {
    std::puts("closed");
    return 0;
  }
  const auto reply = sluice::wire::decode_reply({buffer.data(), static_cast<size_t>(length)});
  if (!reply.ok()) die("a reply that cannot be read");
  std::puts(std::string(sluice::core::reason_name(reply->reason)).c_str());
  return 0;
}

std::vector<uint8_t> from_hex(std::string_view hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

int run(const char* socket, std::string_view how, const char* argument) {
  if (how == "flood") {
    std::vector<int> all;
    for (int i = std::atoi(argument); i > 0; --i) all.push_back(connected(socket));
    std::puts("connected");
    std::fflush(stdout);
    ::sleep(2);
    return 0;
  }
  if (how == "storm") {
    for (int i = std::atoi(argument); i > 0; --i) {
      const int fd = connected(socket);
      (void)::send(fd, "garbage", 7, MSG_NOSIGNAL);
      ::close(fd);
    }
    return 0;
  }
  const int fd = connected(socket);
  if (how == "silent") {
    struct pollfd waiting {fd, POLLIN, 0};
    if (::poll(&waiting, 1, std::atoi(argument) * 1000) > 0) return print_reply(fd);
    std::puts("nothing");
    return 0;
  }
  if (how == "send") {
    send_bytes(fd, from_hex(argument));
    return print_reply(fd);
  }
  Hello hello;
  if (how == "half") {
    std::vector<uint8_t> bytes = sluice::wire::encode_hello(hello);
    bytes.resize(bytes.size() / 2);
    send_bytes(fd, bytes);
    return print_reply(fd);
  }
  if (how == "fds") {
    const std::vector<int> fds(static_cast<size_t>(std::atoi(argument)), fd);
    send_bytes(fd, sluice::wire::encode_hello(hello), fds);
    return print_reply(fd);
  }
  if (how == "unread") {
    send_bytes(fd, sluice::wire::encode_hello(hello));
    ::sleep(3);
    return 0;
  }
  if (how == "end") {
    hello.kind = HelloKind::kEnd;
    hello.name = argument;
    send_bytes(fd, sluice::wire::encode_hello(hello));
    return print_reply(fd);
  }
  if (how == "mount") {
    hello.kind = HelloKind::kMount;
    hello.source = argument;
    const int directory = ::open(argument, O_RDONLY | O_CLOEXEC);
    if (directory < 0) die("open");
    send_bytes(fd, sluice::wire::encode_hello(hello), {directory});
    return print_reply(fd);
  }
  std::fputs("unknown word\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: peer SOCKET HOW [ARGUMENT]\n", stderr);
    return 2;
  }
  return run(argv[1], argv[2], argc > 3 ? argv[3] : "0");
}
