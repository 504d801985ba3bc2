#include "core/path.h"

namespace sluice::core {

bool valid_name(std::string_view name) noexcept {
  constexpr std::string_view kForbidden("/\0", 2);
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." && name != ".." &&
         name.find_first_of(kForbidden) == std::string_view::npos;
}

bool valid_relative(std::string_view path) noexcept {
  if (path.size() > kMaxPathBytes || path.ends_with('/')) return false;
  while (!path.empty()) {
    if (!valid_name(pop_name(path))) return false;
  }
  return true;
}

std::string_view pop_name(std::string_view& path) noexcept {
  const size_t slash = path.find('/');
  const std::string_view name = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return name;
}

}  // namespace sluice::core
