// Whom a view acts as.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::cli {

struct Identity {
  bool preserve = false;
  bool named = false;  // false: the caller itself, as the service sees it
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
};

// option: "", "preserve", a user's name or number. Root without an option acts as the owner of the
// source, if that is not root.
absl::StatusOr<Identity> decide_identity(const std::string& option, uint32_t source_owner);

std::string user_name(uint32_t uid);

}  // namespace sluice::cli
