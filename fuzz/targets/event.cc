// What a broker or worker that was taken over tells the service, and what the log makes of it.
#include "wire/event.h"

#include "core/escape.h"
#include "core/reason_text.h"
#include "fuzz/message.h"
#include "fuzz/target.h"
#include "wire/event_reader.h"

using namespace sluice;

FUZZ_MESSAGE(sizeof(wire::Event), {offsetof(wire::Event, text_length)})

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span message(data, size);
  const auto event = wire::decode_event(message);
  if (!event.ok()) return 0;
  FUZZ_HOLDS(event->header.reason < static_cast<uint32_t>(core::Reason::kCount));
  // Each reason that passes has its words: the log has them by its number.
  const auto reason = static_cast<core::Reason>(event->header.reason);
  FUZZ_HOLDS(!core::reason_name(reason).empty());
  (void)core::reason_text(reason);
  (void)core::reason_remedy(reason);
  for (const char c : core::escaped(event->text)) FUZZ_HOLDS(c >= ' ' && c < 0x7f && c != '"');
  static uint8_t again[1 << 20];
  if (size > sizeof(again)) return 0;
  const size_t length = wire::encode_event(event->header, event->text, again);
  FUZZ_HOLDS(std::ranges::equal(std::span(again, length), message));
  return 0;
}
