// What a broker does at its start.
#pragma once

#include <unistd.h>

#include "broker/events.h"

namespace sluice::broker {

// Or the process ends, and the service hears at which step.
template <typename T>
void must(Events& events, const char* step, const core::Result<T>& result) {
  if (result.ok()) return;
  events.send(wire::EventKind::kFailed, result.failure(), 0, step);
  ::_exit(1);
}

}  // namespace sluice::broker
