// What a service leaves of a view, or of another server's connection, to the service after it, beside the descriptors that go
// along. PURE.
//
// One packet, in a socket that the service manager keeps (service/store.h). The service that reads it may be newer than
// the one that wrote it, or older, and what it is handed may be anybody's: nothing is used of a record before
// decode_stored_view() returned it, and nothing of it is believed of the processes and descriptors before the kernel
// has said the same of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/result.h"
#include "core/rules.h"
#include "wire/control.h"

namespace sluice::wire {

// Of all that a view's next service has to know: this record, the order of the descriptors, and what it says to the
// view's broker and workers, and they to it. A service writes its own version and reads each that there was.
inline constexpr uint32_t kStoredViewVersion = 2;
// What is kept for another worker lies in it beside the rest, and workers know nothing of resting.
inline constexpr uint32_t kStoredViewOfFirst = 1;

struct StoredView {
  uint32_t version = kStoredViewVersion;  // of the service that wrote it: what is written is of this one
  bool knows_rest = true;                 // the view's workers do, which are those of the service that made it
  ViewInfo info;  // but for what is counted; foreign: of another server's connection, which has none of what follows
  // The trees that its next worker is started with, of the source and each graft; 0: it can have none, since the kernel
  // copies no detached tree.
  uint32_t trees = 0;
  std::optional<core::Rules> other_rules;  // than those that it began with
};

// As many bytes as an unconfigured kernel's socket takes.
inline constexpr size_t kStoredViewMost = 208 * 1024;

std::vector<uint8_t> encode_stored_view(const StoredView& view);
// kVersion: of a version that is not known here. kProtocol: lengths, flags, names or numbers out of range.
core::Result<StoredView> decode_stored_view(std::span<const uint8_t> bytes);

}  // namespace sluice::wire
