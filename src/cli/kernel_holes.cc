#include "cli/kernel_holes.h"

#include <charconv>

namespace sluice::cli {

KernelVersion version_of(std::string_view release) {
  uint16_t major = 0, minor = 0;  // no sign is a part of either
  const char* end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return {};
  if (std::from_chars(first.ptr + 1, end, minor).ec != std::errc()) return {};
  return {major, minor};
}

std::vector<const KernelHole*> holes_of(KernelVersion version) {
  std::vector<const KernelHole*> holes;
  for (const KernelHole& hole : kKernelHoles) {
    if (hole.from <= version && version < hole.fixed) holes.push_back(&hole);
  }
  return holes;
}

}  // namespace sluice::cli
