#include "os/either_way.h"

#include <poll.h>

#include <ctime>

namespace sluice::os {

core::Result<EitherWay> wait_either_way(int channel, bool wants_to_write, int lifeline,
                                        int milliseconds) {
  const short events = static_cast<short>(wants_to_write ? POLLIN | POLLOUT : POLLIN);
  struct pollfd entries[] = {{channel, events, 0}, {lifeline, 0, 0}};
  const struct timespec time { milliseconds / 1000, milliseconds % 1000 * 1000000L };
  // As wait_readable_while(): ppoll and nothing else.
  if (::ppoll(entries, 2, milliseconds < 0 ? nullptr : &time, nullptr) < 0) return failure();
  if ((entries[1].revents & (POLLHUP | POLLERR)) != 0) {
    return core::Failure{ECONNRESET, core::Reason::kSystem};
  }
  return EitherWay{(entries[0].revents & ~POLLOUT) != 0, (entries[0].revents & POLLOUT) != 0};
}

}  // namespace sluice::os
