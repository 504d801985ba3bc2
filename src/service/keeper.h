// Where there is no service manager that keeps what a service leaves of its views: a process that does (src/keeper).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "os/fd.h"
#include "service/activation.h"

namespace sluice::service {

// What this service has of it.
struct KeeperLink {
  os::Fd lock;    // of its directory: as long as this process lives, no other service has this keeper
  os::Fd socket;  // on which it is told what a service manager is told (service/notifier.h); readable: it has ended
  std::vector<Given::Stored> stored;  // by the service before this one; unchecked (service/store.h)
};
// Main process, while it may still start others. The keeper that listens in this directory, or a new one, which stays
// when this process ends. executable: borrowed. kSocketDirectory, kSocketTaken: the directory, or what is there, is not
// root's alone, or another service has it. kProtocol, kVersion, kTimeout: what listens there is no keeper, or none that
// this service understands; it and what it holds stay as they are.
core::Result<KeeperLink> reach_keeper(std::string_view directory, int executable);

}  // namespace sluice::service
