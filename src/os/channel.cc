#include "os/channel.h"

#include <fcntl.h>
#include <poll.h>

#include <ctime>

namespace sluice::os {
namespace {

// ppoll, since the confined processes that use this may call nothing else of its kind.
core::Result<bool> poll_all(struct pollfd* entries, nfds_t count, int milliseconds) {
  const struct timespec time {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  const int ready = ::ppoll(entries, count, milliseconds < 0 ? nullptr : &time, nullptr);
  if (ready < 0) return failure();
  return ready > 0;
}

}  // namespace

core::Result<size_t> read_message(int socket, std::span<uint8_t> buffer) {
  const ssize_t length = ::read(socket, buffer.data(), buffer.size());
  if (length < 0) return failure();
  return static_cast<size_t>(length);
}
core::Outcome write_message(int socket, std::span<const uint8_t> bytes) {
  return checked(::write(socket, bytes.data(), bytes.size()));
}

core::Outcome set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return checked(flags < 0 ? -1 : ::fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

core::Result<bool> wait_readable(int fd, int milliseconds) {
  struct pollfd entry {fd, POLLIN, 0};
  return poll_all(&entry, 1, milliseconds);
}

core::Result<Readable> wait_readable_while(int fd, int lifeline, int milliseconds, int other) {
  struct pollfd entries[] = {{fd, POLLIN, 0}, {lifeline, POLLIN, 0}, {other, POLLIN, 0}};
  auto ready = poll_all(entries, 3, milliseconds);
  if (!ready.ok()) return ready.failure();
  if ((entries[1].revents & (POLLHUP | POLLERR)) != 0) {
    return core::Failure{ECONNRESET, core::Reason::kSystem};
  }
  return Readable{entries[0].revents != 0, entries[1].revents != 0, entries[2].revents != 0};
}

}  // namespace sluice::os
