#include "cli/identity.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/output.h"
#include "core/escape.h"
#include "os/apart.h"
#include "wire/control.h"

namespace sluice::cli {
namespace {

Identity identity_of(const struct passwd& user) {
  Identity identity;
  identity.named = true;
  identity.uid = user.pw_uid;
  identity.gid = user.pw_gid;
  gid_t groups[wire::kMostGroups];
  int count = wire::kMostGroups;
  if (::getgrouplist(user.pw_name, user.pw_gid, groups, &count) >= 0) {
    identity.groups.assign(groups, groups + count);
  } else {
    identity.groups = {user.pw_gid};
  }
  return identity;
}

}  // namespace

absl::StatusOr<Identity> decide_identity(const std::string& option, uint32_t source_owner) {
  const bool root = os::is_host_root();
  if (option == "preserve") {
    if (!root) {
      return problem(absl::StatusCode::kPermissionDenied, "only root may keep all owners",
                     "leave out --identity");
    }
    Identity identity;
    identity.preserve = true;
    return identity;
  }
  if (option.empty() && !root) return Identity{};
  if (option.empty() && source_owner == 0) {
    return problem(absl::StatusCode::kInvalidArgument,
                   "the source belongs to root, and a view does not act as root",
                   "name a user with --identity USER, or keep all owners with --identity preserve");
  }
  const struct passwd* user = nullptr;
  uint32_t uid = source_owner;
  const bool digits = !option.empty() && option.find_first_not_of("0123456789") == std::string::npos;
  if (option.empty() || (digits && absl::SimpleAtoi(option, &uid))) {
    user = ::getpwuid(uid);
  } else {
    user = ::getpwnam(option.c_str());
    if (user == nullptr) {
      return problem(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("no user \"", core::escaped(option), "\""), "see getent passwd");
    }
  }
  Identity identity;
  if (user != nullptr) {
    identity = identity_of(*user);
  } else {
    // A number without an entry is a user all the same.
    identity.named = true;
    identity.uid = identity.gid = uid;
    identity.groups = {uid};
  }
  if (identity.uid == ~0u) {  // "no user" to the kernel
    return problem(absl::StatusCode::kInvalidArgument, "4294967295 is not a user", "see getent passwd");
  }
  if (identity.uid == 0) {
    return problem(absl::StatusCode::kInvalidArgument, "a view does not act as root",
                   "name another user, or keep all owners with --identity preserve");
  }
  if (!root && identity.uid != ::geteuid()) {
    return problem(absl::StatusCode::kPermissionDenied, "only root may name another user",
                   "leave out --identity");
  }
  return identity;
}

std::string user_name(uint32_t uid) {
  const struct passwd* user = ::getpwuid(uid);
  return user != nullptr ? std::string(user->pw_name) : absl::StrCat(uid);
}

}  // namespace sluice::cli
