// Who has which view: names, limits, and who may see it. PURE.
//
// The main process's. An entry is there from the moment that a set-up process asks for a name until the view has ended,
// so that no two views get one name and no limit is passed by asking twice at once.
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/connection_limits.h"
#include "core/limits.h"
#include "core/result.h"

namespace sluice::service {

class ViewTable {
 public:
  // grants_per_view: what the descriptors of one broker suffice for.
  // views, connections: as many on this host, of each of which a quarter at the most are one user's.
  explicit ViewTable(uint32_t grants_per_view, uint32_t views = core::Limits::kViewsPerHost,
                     uint32_t connections = core::ConnectionLimits::kPerHost)
      : grants_per_view_(grants_per_view), views_(views), connections_(connections) {}

  struct Entry {
    uint32_t owner = 0;   // the peer that asked for it
    uint32_t uid = 0;     // its identity
    uint32_t grants = 0;  // its share
    std::string name;
    uint32_t connection = 0;  // of a foreign connection, its number; else 0
  };

  // name: empty for one of the service's choice. An unprivileged owner gets views of its own uid only
  // (kNotPermitted). The entry stays until release(id).
  core::Result<const Entry*> reserve(uint64_t id, uint32_t owner, uint32_t uid,
                                     std::string_view name);
  // Brokers of an owner that have been given up and have not ended, and the shares that they had: until then they
  // may hold as many files.
  struct Stuck {
    size_t brokers = 0;
    uint32_t grants = 0;
    uint32_t grants_on_host = 0;  // of every owner's
  };
  // The same for the connection of another FUSE server. kConnectionTaken where this owner has it here already.
  core::Result<const Entry*> reserve_connection(uint64_t id, uint32_t owner, uint32_t connection, Stuck stuck);
  // One that the service before this one gave, whatever the limits are by now. The name is nobody's else.
  void restore(uint64_t id, Entry entry) { entries_[id] = std::move(entry); }
  void release(uint64_t id) { entries_.erase(id); }

  // nullptr: none.
  const Entry* find(uint64_t id) const;
  // 0: none that `peer` may see.
  uint64_t id_of(std::string_view name, uint32_t peer) const;
  bool may_see(uint64_t id, uint32_t peer) const;
  size_t size() const { return entries_.size(); }

 private:
  core::Result<uint32_t> share_of(uint32_t uid) const;
  bool is_taken(std::string_view name) const;
  std::string free_name(std::string_view kind, uint64_t id) const;
  size_t count(bool foreign) const;
  size_t count_of(uint32_t owner, bool foreign) const;

  const uint32_t grants_per_view_;
  const uint32_t views_, connections_;
  absl::btree_map<uint64_t, Entry> entries_;
};

}  // namespace sluice::service
