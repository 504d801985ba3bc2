// Other directories in a view's tree: where they are, and which of them a path is in. PURE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::core {

inline constexpr size_t kMostGrafts = 15;

struct Graft {
  std::string at;  // the path of a directory in the view
  bool read_only = false;
  bool operator==(const Graft&) const = default;
};

// At most kMostGrafts, each at a valid_relative path other than the root, in order and no two at one:
// so that one that is in another comes behind it.
bool valid_grafts(std::span<const Graft> grafts);

struct Place {
  uint32_t root;          // 0: the source itself; otherwise the graft's index + 1
  std::string_view rest;  // the path below it
};
// Of a valid_relative path.
Place place_of(std::span<const Graft> grafts, std::string_view path);
// Whether a graft's place is below the path.
bool leads_to_graft(std::span<const Graft> grafts, std::string_view path);

}  // namespace sluice::core
