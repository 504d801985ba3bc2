#include "service/view_table.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>

#include "core/limits.h"

namespace sluice::service {
namespace {

using core::Failure;
using core::Limits;
using core::Reason;

}  // namespace

// A quarter of what is left to the uid: the first view gets most, and many can still have some.
core::Result<uint32_t> ViewTable::share_of(uint32_t uid) const {
  if (uid == 0) return grants_per_view_;
  uint32_t left = Limits::kGrantsPerUser;
  for (const auto& [id, entry] : entries_) {
    if (entry.uid == uid) left -= std::min(left, entry.grants);
  }
  const uint32_t share = std::min(grants_per_view_, std::max(left / 4, Limits::kGrantsLeast));
  if (share > left) return Failure{EDQUOT, Reason::kLimitGrantsOfUser};
  return share;
}

core::Result<const ViewTable::Entry*> ViewTable::reserve(uint64_t id, uint32_t owner, uint32_t uid,
                                                       std::string_view name) {
  if (owner != 0 && uid != owner) return Failure{EPERM, Reason::kNotPermitted};
  if (entries_.contains(id)) return Failure{EPROTO, Reason::kProtocol};
  const auto of_owner = std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.second.owner == owner;
  });
  if (entries_.size() >= views_) return Failure{ENOSPC, Reason::kLimitViews};
  if (owner != 0 && of_owner >= std::min(Limits::kViewsPerUser, std::max(views_ / 4, 1u))) {
    return Failure{EDQUOT, Reason::kLimitViewsOfUser};
  }
  const std::string chosen = name.empty() ? absl::StrCat("view-", id) : std::string(name);
  for (const auto& [other, entry] : entries_) {
    if (entry.name == chosen) return Failure{EEXIST, Reason::kNameTaken};
  }
  const auto share = share_of(uid);
  if (!share.ok()) return share.failure();
  return &(entries_[id] = Entry{owner, uid, *share, chosen});
}

const ViewTable::Entry* ViewTable::find(uint64_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

uint64_t ViewTable::id_of(std::string_view name, uint32_t peer) const {
  for (const auto& [id, entry] : entries_) {
    if (entry.name == name && may_see(id, peer)) return id;
  }
  return 0;
}

bool ViewTable::may_see(uint64_t id, uint32_t peer) const {
  const Entry* entry = find(id);
  return entry != nullptr && (peer == 0 || peer == entry->owner || peer == entry->uid);
}

}  // namespace sluice::service
