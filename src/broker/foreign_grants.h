// The grants of a foreign connection: files that its server handed over, and that the kernel may pass through.
//
// Broker of a foreign connection only; any of its threads. The connection is one domain of trust: whoever serves
// it may name any id of it. What is bound is what a grant can do: no more than the server itself could.
#pragma once

#include <cstdint>
#include <mutex>

#include "core/ledger.h"
#include "core/result.h"
#include "os/fd.h"
#include "os/file.h"
#include "wire/foreign_config.h"

namespace sluice::broker {

// The Landlock domain of the thread that asks, which the kernel keeps in each grant: whatever the file is open
// as, nobody writes through a grant of the read-only one.
enum class ForeignDomain { kReadOnly, kReadWrite };

class ForeignGrants {
 public:
  // device: the connection's /dev/fuse, borrowed.
  ForeignGrants(int device, const wire::ForeignConfig& config)
      : device_(device), config_(config), ledger_(config.most_grants) {}

  // Consumes file, which it keeps open while the grant lives: there lsof(8) finds it. stat: of file itself. The
  // backing id, > 0.
  core::Result<int> open(ForeignDomain domain, os::Fd file, const os::Stat& stat);
  // Any id of the connection: one that a broker before this one gave, too.
  core::Outcome close(int backing_id);
  // Of what was not closed. Nothing is granted or closed after that, and whoever tries waits.
  void close_for_good();

 private:
  core::Outcome check(ForeignDomain domain, int file, const os::Stat& stat) const;

  const int device_;
  const wire::ForeignConfig config_;
  std::mutex mutex_;     // of the ledger, and of what the kernel knows
  core::Ledger ledger_;  // by backing id, which stands for the inode: one file may have several here
};

}  // namespace sluice::broker
