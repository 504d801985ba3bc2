#include "os/landlock_domains.h"

#include <linux/landlock.h>

#include "os/kernel_abi.h"

namespace sluice::os {

const LandlockDomain kMetadataOnly{LANDLOCK_ACCESS_FS_READ_DIR};
// CHAR: whiteouts, which are character devices to Landlock.
const LandlockDomain kMetadataChange{LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_CHAR};
// EXECUTE: the backing file of a program that is started is opened for that.
const LandlockDomain kForeignReadOnly{0, false, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE};
const LandlockDomain kForeignReadWrite{
    0, false, kForeignReadOnly.anywhere | LANDLOCK_ACCESS_FS_WRITE_FILE | abi::kLandlockTruncate};
const LandlockDomain kKeeper{0};
const LandlockDomain kService{LANDLOCK_ACCESS_FS_REMOVE_FILE, true};

}  // namespace sluice::os
