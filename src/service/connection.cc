#include "service/connection.h"

#include <cerrno>

#include "os/channel.h"
#include "os/locked_mount.h"
#include "os/poller.h"
#include "wire/init.h"

namespace sluice::service {
namespace {

constexpr int kInitMilliseconds = 2000;

}  // namespace

core::Result<Connection> make_connection(const os::FuseMount& options) {
  auto device = os::open_fuse_device();
  if (!device.ok()) {
    const int error = device.failure().error;
    const bool none = error == ENOENT || error == ENXIO || error == ENODEV;
    return none ? core::Failure{error, core::Reason::kNoFuseDevice} : device.failure();
  }
  auto open_mount = os::make_fuse_mount(device->get(), options);
  if (!open_mount.ok()) return open_mount.failure();
  auto readable = os::wait_readable(device->get(), kInitMilliseconds);
  if (!readable.ok()) return readable.failure();
  if (!*readable) return core::Failure{ETIMEDOUT, core::Reason::kTimeout};
  std::vector<uint8_t> message(wire::kFuseBufferLeast);
  auto length = os::read_message(device->get(), message);
  if (!length.ok()) return length.failure();
  message.resize(*length);
  auto init = wire::decode_init(message);
  if (!init.ok()) return init.failure();
  const auto reply = wire::encode_init_reply(*init, options.allow_other);
  if (auto sent = os::write_message(device->get(), reply); !sent.ok()) return sent.failure();
  // It goes to whoever asked, who may be root of a user namespace, and may have taken over the worker.
  auto mount = os::with_locked_flags(*std::move(open_mount));
  if (!mount.ok()) return mount.failure();
  return Connection{*std::move(device), *std::move(mount), std::move(message)};
}

}  // namespace sluice::service
