#include "core/grafts.h"

#include <algorithm>

#include "core/path.h"

namespace sluice::core {

bool valid_grafts(std::span<const Graft> grafts) {
  if (grafts.size() > kMostGrafts) return false;
  for (size_t i = 0; i < grafts.size(); ++i) {
    if (grafts[i].at.empty() || !valid_relative(grafts[i].at)) return false;
    if (i > 0 && grafts[i - 1].at >= grafts[i].at) return false;
  }
  return true;
}

Place place_of(std::span<const Graft> grafts, std::string_view path) {
  Place place{0, path};
  size_t longest = 0;
  for (size_t i = 0; i < grafts.size(); ++i) {
    const std::string_view at = grafts[i].at;
    if (at.size() < longest || !path.starts_with(at)) continue;
    if (path.size() != at.size() && path[at.size()] != '/') continue;
    longest = at.size();
    place = {static_cast<uint32_t>(i + 1), path.substr(path.size() == at.size() ? at.size() : at.size() + 1)};
  }
  return place;
}

bool leads_to_graft(std::span<const Graft> grafts, std::string_view path) {
  return std::any_of(grafts.begin(), grafts.end(), [&](const Graft& graft) {
    return graft.at.size() > path.size() && graft.at.starts_with(path) && graft.at[path.size()] == '/';
  });
}

}  // namespace sluice::core
