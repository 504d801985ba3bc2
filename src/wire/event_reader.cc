#include "wire/event_reader.h"

#include <cerrno>

#include "wire/cursor.h"

namespace sluice::wire {

core::Result<DecodedEvent> decode_event(std::span<const uint8_t> message) {
  Reader reader(message);
  DecodedEvent event{reader.take<Event>(), {}};
  event.text = reader.take_text(event.header.text_length);
  if (!reader.finished() || event.header.kind < EventKind::kReady ||
      event.header.kind > EventKind::kReloaded ||
      event.header.reason >= static_cast<uint32_t>(core::Reason::kCount)) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  return event;
}

}  // namespace sluice::wire
