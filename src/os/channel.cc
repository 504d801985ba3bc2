#include "os/channel.h"

#include <poll.h>

#include <ctime>

namespace sluice::os {

core::Result<size_t> read_message(int socket, std::span<uint8_t> buffer) {
  const ssize_t length = ::read(socket, buffer.data(), buffer.size());
  if (length < 0) return failure();
  return static_cast<size_t>(length);
}
core::Outcome write_message(int socket, std::span<const uint8_t> bytes) {
  return checked(::write(socket, bytes.data(), bytes.size()));
}

core::Result<Readable> wait_readable_while(int fd, int lifeline, int milliseconds, int other) {
  struct pollfd entries[] = {{fd, POLLIN, 0}, {lifeline, POLLIN, 0}, {other, POLLIN, 0}};
  const struct timespec time {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  // ppoll, since the confined processes that use this may call nothing else of its kind.
  if (::ppoll(entries, 3, milliseconds < 0 ? nullptr : &time, nullptr) < 0) return failure();
  if ((entries[1].revents & (POLLHUP | POLLERR)) != 0) return core::Failure{ECONNRESET, core::Reason::kSystem};
  return Readable{entries[0].revents != 0, entries[1].revents != 0, entries[2].revents != 0};
}

}  // namespace sluice::os
