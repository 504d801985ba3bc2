#include "core/unit_name.h"

namespace sluice::core {
namespace {

constexpr size_t kMost = 255;  // of a name

// Takes the first directory off; a name that the kernel would use itself has a '_' in front.
std::string_view next_part(std::string_view& path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string_view part = path.substr(0, path.find('/'));
  path.remove_prefix(part.size());
  if (part.starts_with('_')) part.remove_prefix(1);
  return part;
}
// The first unit that is no slice: slices hold units.
std::string_view next_unit(std::string_view& path) {
  std::string_view part = next_part(path);
  while (part.ends_with(".slice")) part = next_part(path);
  return part.ends_with(".service") || part.ends_with(".scope") ? part : std::string_view();
}

}  // namespace

std::string unit_of(std::string_view groups) {
  // The line of the one hierarchy of today: "0::/PATH".
  while (!groups.empty() && !groups.starts_with("0::/")) {
    const size_t end = groups.find('\n');
    groups.remove_prefix(end == std::string_view::npos ? groups.size() : end + 1);
  }
  if (groups.empty()) return {};
  std::string_view path = groups.substr(3, groups.find('\n') - 3);
  std::string unit(next_unit(path).substr(0, kMost));
  // The manager of a user has units of its own.
  if (!unit.starts_with("user@")) return unit;
  const std::string_view of_user = next_unit(path);
  if (!of_user.empty()) unit.append("/").append(of_user.substr(0, kMost));
  return unit;
}

}  // namespace sluice::core
