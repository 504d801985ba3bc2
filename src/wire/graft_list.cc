#include "wire/graft_list.h"

#include <cerrno>

namespace sluice::wire {

core::Result<std::vector<core::Graft>> take_grafts(Reader& reader) {
  constexpr core::Failure kMalformed{EPROTO, core::Reason::kProtocol};
  std::vector<core::Graft> grafts;
  const auto count = reader.take<uint32_t>();
  if (count > core::kMostGrafts) return kMalformed;
  for (uint32_t i = 0; i < count; ++i) {
    const auto read_only = reader.take<uint32_t>();
    const auto at = reader.take_text(reader.take<uint32_t>());
    if (read_only > 1) return kMalformed;
    grafts.push_back({std::string(at), read_only != 0});
  }
  if (!core::valid_grafts(grafts)) return kMalformed;
  return grafts;
}

}  // namespace sluice::wire
