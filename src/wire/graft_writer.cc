#include "wire/graft_writer.h"

namespace sluice::wire {

void put_grafts(Writer& writer, const std::vector<core::Graft>& grafts) {
  writer.put(static_cast<uint32_t>(grafts.size()));
  for (const core::Graft& graft : grafts) {
    writer.put(uint32_t{graft.read_only});
    writer.put(static_cast<uint32_t>(graft.at.size()));
    writer.put_text(graft.at);
  }
}

}  // namespace sluice::wire
