#include "os/random.h"

#include <sys/random.h>

namespace sluice::os {

core::Result<uint64_t> random_number() {
  uint64_t number;
  const ssize_t length = ::getrandom(&number, sizeof(number), 0);
  if (length != static_cast<ssize_t>(sizeof(number))) return failure();
  return number;
}

}  // namespace sluice::os
