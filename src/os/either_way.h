// A channel on which the other end may have much to say before it takes anything.
#pragma once

#include "os/fd.h"

namespace sluice::os {

// What can be done without waiting.
struct EitherWay {
  bool read;
  bool write;
};
// Waits until there is something to read or, with wants_to_write, room for a message; < 0
// milliseconds: for ever. Neither: the time is over. Fails with ECONNRESET once the other end of
// lifeline is closed.
core::Result<EitherWay> wait_either_way(int channel, bool wants_to_write, int lifeline,
                                        int milliseconds);

}  // namespace sluice::os
