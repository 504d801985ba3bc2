#include "cli/kernel_holes.h"

#include <charconv>

namespace sluice::cli {

KernelVersion version_of(std::string_view release) {
  KernelVersion version;
  const char* end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return {};
  if (std::from_chars(major.ptr + 1, end, version.minor).ec != std::errc()) return {};
  return version;
}

std::vector<const KernelHole*> holes_of(KernelVersion version) {
  std::vector<const KernelHole*> holes;
  for (const KernelHole& hole : kKernelHoles) {
    if (hole.from <= version && version < hole.fixed) holes.push_back(&hole);
  }
  return holes;
}

}  // namespace sluice::cli
