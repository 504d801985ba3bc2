// The limits of foreign connections: what core/limits.h is to views. PURE.
#pragma once

#include <cstdint>

namespace sluice::core {

struct ConnectionLimits {
  // Connections of other FUSE servers: each costs a process.
  static constexpr uint32_t kPerHost = 4096;
  static constexpr uint32_t kPerUser = 1024;
  // Grants of one of them, in place of the RLIMIT_NOFILE that the kernel cannot hold a server to.
  static constexpr uint32_t kGrants = 4096;
  // Grants of all of them of one uid, shared out as they come: the first have many, and each has some.
  static constexpr uint32_t kGrantsPerUser = 65536;
  static constexpr uint32_t kGrantsLeast = 32;
  // And of all on this host: no number of uids, which a user with subordinate ones has, takes more.
  static constexpr uint32_t kGrantsPerHost = 262144;
};

}  // namespace sluice::core
