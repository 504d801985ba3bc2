#include "os/backing.h"

#include <sys/ioctl.h>

#include "os/kernel_abi.h"

namespace sluice::os {

core::Result<int> backing_open(int device, int file) {
  const abi::FuseBackingMap map{file, 0, 0};
  const int id = ::ioctl(device, abi::kFuseBackingOpen, &map);
  if (id < 0) return failure();
  return id;
}

core::Outcome backing_close(int device, int backing_id) {
  const auto id = static_cast<uint32_t>(backing_id);
  return checked(::ioctl(device, abi::kFuseBackingClose, &id));
}

}  // namespace sluice::os
