// What a security module calls a process. PURE.
#pragma once

#include <string_view>

namespace sluice::core {

// Whether a label, as SO_PEERSEC gives it, says that its module does not judge what that process does with files:
// what it may write is then what its ids may. Anything that is not known to say so, does not. What a label merely
// contains says nothing: users and roles of SELinux are called unconfined too, of processes that are confined.
constexpr bool is_unconfined(std::string_view label) {
  if (!label.empty() && label.back() == '\0') label.remove_suffix(1);
  if (label.empty()) return true;  // no module has one for it
  // AppArmor: no profile, or one in the mode that judges no files. Of stacked ones, another may judge.
  constexpr std::string_view kMode = " (unconfined)";
  if (label == "unconfined") return true;
  if (label.ends_with(kMode)) return label.front() != ':' && label.find("//&") == label.npos;
  // SELinux, user:role:type or user:role:type:level: the types of the policy's unconfined users and services.
  for (int field = 0; field < 2; ++field) {
    const size_t colon = label.find(':');
    if (colon == label.npos) return false;
    label.remove_prefix(colon + 1);
  }
  const std::string_view type = label.substr(0, label.find(':'));
  return type == "unconfined_t" || type == "unconfined_service_t";
}

}  // namespace sluice::core
