#include "os/landlock_domains.h"

#include <linux/landlock.h>

namespace sluice::os {

const LandlockDomain kMetadataOnly{LANDLOCK_ACCESS_FS_READ_DIR};
const LandlockDomain kMetadataChange{LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                     LANDLOCK_ACCESS_FS_MAKE_SOCK};
const LandlockDomain kService{LANDLOCK_ACCESS_FS_REMOVE_FILE, true};

}  // namespace sluice::os
