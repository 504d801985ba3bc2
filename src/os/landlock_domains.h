// The Landlock domains of the processes other than the broker.
#pragma once

#include "os/landlock.h"

namespace sluice::os {

extern const LandlockDomain kMetadataOnly;    // worker: list directories; no file's contents
extern const LandlockDomain kMetadataChange;  // worker: and make what is new and empty; nothing is moved or removed
// Broker of a foreign connection, which is handed files and opens none: a grant is read, or read and written,
// and nothing is made, removed or moved.
extern const LandlockDomain kForeignReadOnly;
extern const LandlockDomain kForeignReadWrite;
extern const LandlockDomain kKeeper;          // the keeper of what a service leaves: nothing
extern const LandlockDomain kService;         // the service's main process: remove its socket; signals go to its children

}  // namespace sluice::os
