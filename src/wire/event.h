// What a broker or worker tells the service: that it is ready, and what was granted or refused. PURE.
//
// One SOCK_SEQPACKET message each. The service logs them; it decides nothing by their content.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/view_limits.h"
#include "core/result.h"

namespace sluice::wire {

enum class EventKind : uint32_t {
  kReady = 1,  // confined, and serving from now on
  kGranted,
  kRefused,
  kFailed,  // cannot go on; the process ends
  kReloaded,  // by other rules from now on; `op`: so many files are open by the old ones
};

inline constexpr size_t kEventKinds = 6;  // with 0, which is none

struct Event {
  EventKind kind;
  uint32_t reason;   // core::Reason
  int32_t error;     // errno, or 0
  uint32_t op;       // BrokerOp, or 0
  uint32_t dropped;  // events lost before this one because the service was busy
  uint32_t text_length;  // a path as the worker named it, or what failed; not escaped yet
  uint64_t grant;    // kGranted: core::GrantId, packed; kRefused: bytes of text before a second path
};
static_assert(std::has_unique_object_representations_v<Event>);

inline constexpr size_t kEventMost = sizeof(Event) + core::ViewLimits::kPathBytes;

// Cuts the text where it does not fit; returns the length of the message.
size_t encode_event(Event header, std::string_view text, std::span<uint8_t> out);

}  // namespace sluice::wire
