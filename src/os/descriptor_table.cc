#include "os/descriptor_table.h"

#include <linux/close_range.h>
#include <unistd.h>

#include "os/fd.h"

namespace sluice::os {

core::Outcome keep_descriptors_up_to(int last) {
  return checked(
      ::close_range(static_cast<unsigned>(last) + 1, ~0u, static_cast<int>(CLOSE_RANGE_UNSHARE)));
}

}  // namespace sluice::os
