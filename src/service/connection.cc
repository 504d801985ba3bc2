#include "service/connection.h"

#include <cerrno>

#include "os/channel.h"
#include "os/locked_mount.h"
#include "os/poller.h"
#include "wire/init.h"

namespace sluice::service {
namespace {

constexpr int kInitMilliseconds = 2000;

core::Result<os::Fd> open_device() {
  auto device = os::open_fuse_device();
  if (device.ok()) return device;
  const int error = device.failure().error;
  const bool none = error == ENOENT || error == ENXIO || error == ENODEV;
  return none ? core::Failure{error, core::Reason::kNoFuseDevice} : device.failure();
}

}  // namespace

core::Result<Connection> make_unanswered_connection(const os::FuseMount& options) {
  auto device = open_device();
  if (!device.ok()) return device.failure();
  auto open_mount = os::make_fuse_mount(device->get(), options);
  if (!open_mount.ok()) return open_mount.failure();
  // It goes to whoever asked, who may be root of a user namespace, and may have taken over who answers.
  auto mount = os::with_locked_flags(*std::move(open_mount));
  if (!mount.ok()) return mount.failure();
  return Connection{*std::move(device), *std::move(mount), {}};
}

core::Result<Connection> make_connection(const os::FuseMount& options) {
  auto made = make_unanswered_connection(options);
  if (!made.ok()) return made;
  const int device = made->device.get();
  auto readable = os::wait_readable(device, kInitMilliseconds);
  if (!readable.ok()) return readable.failure();
  if (!*readable) return core::Failure{ETIMEDOUT, core::Reason::kTimeout};
  std::vector<uint8_t> message(wire::kFuseBufferLeast);
  auto length = os::read_message(device, message);
  if (!length.ok()) return length.failure();
  message.resize(*length);
  auto init = wire::decode_init(message);
  if (!init.ok()) return init.failure();
  const auto reply = wire::encode_init_reply(*init, options.allow_other);
  if (auto sent = os::write_message(device, reply); !sent.ok()) return sent.failure();
  made->init = std::move(message);
  return made;
}

}  // namespace sluice::service
