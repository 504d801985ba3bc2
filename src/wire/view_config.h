// What the service tells a view's broker and worker when it starts them. PURE.
//
// One sealed memfd, read at the start by both and closed. The service is trusted; both check all the
// same, so that a mistake ends the view instead of widening it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/grafts.h"
#include "core/result.h"
#include "core/rules.h"

namespace sluice::wire {

// What is said in so many bits, on the way as it is here. Bits are part of the protocol: take them from unknown in
// turn.
struct ViewSettings {
  uint32_t read_only : 1 = 0;
  uint32_t preserve : 1 = 0;      // the preserve identity mode
  uint32_t audit : 1 = 0;         // every grant and refusal is reported
  uint32_t device_nodes : 1 = 0;  // the broker makes device nodes: of a preserve view that is not read-only
  uint32_t unknown : 28 = 0;      // of no version that there was
  uint32_t coherence_milliseconds = 0;
  uint32_t most_grants = 0;
  uint32_t private_uid = 0;  // the processes' real uid: nobody's, so that nobody can signal them
  uint32_t uid = 0;          // and whom they act as, never root; the worker of a preserve view has another for that
  uint32_t missing = 0;      // protections that the administrator allowed to be missing
};

struct ViewConfig : ViewSettings {
  std::vector<uint8_t> init;  // the kernel's INIT message as the service read it
  core::Rules rules;
  std::vector<core::Graft> grafts;
};

core::Result<ViewConfig> decode_view_config(std::span<const uint8_t> bytes);

}  // namespace sluice::wire
