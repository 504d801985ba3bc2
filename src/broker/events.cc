#include "broker/events.h"

#include <ctime>

#include "core/view_limits.h"
#include "os/channel.h"

namespace sluice::broker {

bool Events::within_rate(wire::EventKind kind) {
  const auto index = static_cast<size_t>(kind);
  const auto now = static_cast<int64_t>(::time(nullptr));
  if (second_[index].exchange(now) != now) count_[index] = 0;
  return ++count_[index] <= core::ViewLimits::kLogLinesPerSecond;
}

void Events::send(wire::EventKind kind, core::Failure why, uint32_t op, std::string_view text, uint64_t grant) {
  if (!all_ && !within_rate(kind)) {
    ++dropped_;
    return;
  }
  uint8_t message[wire::kEventMost];
  const uint32_t dropped = dropped_.exchange(0);
  const wire::Event event{kind, static_cast<uint32_t>(why.reason), why.error, op, dropped, 0, grant};
  const size_t length = wire::encode_event(event, text, message);
  if (!os::write_message(socket_, {message, length}).ok()) dropped_ += dropped + 1;
}

}  // namespace sluice::broker
