// An event as the service takes it apart. PURE. Who sent it may be lying.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/result.h"
#include "wire/event.h"

namespace sluice::wire {

struct DecodedEvent {
  Event header;
  std::string_view text;  // within the message
};

core::Result<DecodedEvent> decode_event(std::span<const uint8_t> message);

}  // namespace sluice::wire
