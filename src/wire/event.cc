#include "wire/event.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

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

size_t encode_event(Event header, std::string_view text, std::span<uint8_t> out) {
  text = text.substr(0, std::min(text.size(), out.size() - sizeof(header)));
  header.text_length = static_cast<uint32_t>(text.size());
  std::memcpy(out.data(), &header, sizeof(header));
  copy_text(out.data() + sizeof(header), text);
  return sizeof(header) + text.size();
}

}  // namespace sluice::wire
