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
    if (entry.uid == uid && entry.connection == 0) left -= std::min(left, entry.grants);
  }
  const uint32_t share = std::min(grants_per_view_, std::max(left / 4, Limits::kGrantsLeast));
  if (share > left) return Failure{EDQUOT, Reason::kLimitGrantsOfUser};
  return share;
}

core::Result<const ViewTable::Entry*> ViewTable::reserve(uint64_t id, uint32_t owner, uint32_t uid,
                                                       std::string_view name) {
  if (owner != 0 && uid != owner) return Failure{EPERM, Reason::kNotPermitted};
  if (entries_.contains(id)) return Failure{EPROTO, Reason::kProtocol};
  if (count(false) >= views_) return Failure{ENOSPC, Reason::kLimitViews};
  if (owner != 0 && count_of(owner, false) >= std::min(Limits::kViewsPerUser, std::max(views_ / 4, 1u))) {
    return Failure{EDQUOT, Reason::kLimitViewsOfUser};
  }
  const std::string chosen = name.empty() ? free_name("view-", id) : std::string(name);
  if (is_taken(chosen)) return Failure{EEXIST, Reason::kNameTaken};
  const auto share = share_of(uid);
  if (!share.ok()) return share.failure();
  return &(entries_[id] = Entry{owner, uid, *share, chosen, 0});
}

core::Result<const ViewTable::Entry*> ViewTable::reserve_connection(uint64_t id, uint32_t owner, uint32_t connection,
                                                                    Stuck stuck) {
  using Most = core::ConnectionLimits;
  if (entries_.contains(id) || connection == 0) return Failure{EPROTO, Reason::kProtocol};
  uint32_t left = Most::kGrantsPerUser - std::min(Most::kGrantsPerUser, stuck.grants);
  uint32_t left_on_host = Most::kGrantsPerHost - std::min(Most::kGrantsPerHost, stuck.grants_on_host);
  for (const auto& [other, entry] : entries_) {
    if (entry.connection == 0) continue;
    left_on_host -= std::min(left_on_host, entry.grants);
    if (entry.owner != owner) continue;
    // By others it may not be taken: they could have had the number before, and keep it.
    if (entry.connection == connection) return Failure{EBUSY, Reason::kConnectionTaken};
    left -= std::min(left, entry.grants);
  }
  const size_t mine = count_of(owner, true) + stuck.brokers;
  const size_t most = std::min(Most::kPerUser, std::max(connections_ / 4, 1u));
  if (count(true) >= connections_ || left_on_host < Most::kGrantsLeast) {
    return Failure{ENOSPC, Reason::kLimitConnections};
  }
  if (mine >= most) return Failure{EDQUOT, Reason::kLimitConnectionsOfUser};
  // What each of those that may still come needs at the least is set aside; of the rest, a quarter.
  const auto aside = static_cast<uint32_t>(most - mine) * Most::kGrantsLeast;
  const uint32_t share = Most::kGrantsLeast + (left > aside ? (left - aside) / 4 : 0);
  return &(entries_[id] = Entry{owner, owner, std::min({share, left_on_host, Most::kGrants, grants_per_view_}),
                                free_name("connection-", id), connection});
}

bool ViewTable::is_taken(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.second.name == name; });
}
// Whatever names others have chosen, there is one.
std::string ViewTable::free_name(std::string_view kind, uint64_t id) const {
  std::string name = absl::StrCat(std::string(kind), id);
  for (int more = 2; is_taken(name); ++more) name = absl::StrCat(std::string(kind), id, ".", more);
  return name;
}

size_t ViewTable::count(bool foreign) const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return (entry.second.connection != 0) == foreign;
  }));
}
size_t ViewTable::count_of(uint32_t owner, bool foreign) const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.second.owner == owner && (entry.second.connection != 0) == foreign;
  }));
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
