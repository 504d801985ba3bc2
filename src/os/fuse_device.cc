#include "os/fuse_device.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstdio>

#include "os/file.h"

namespace sluice::os {
namespace {

long set_string(int context, const char* key, const char* value) {
  return ::syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}
long set_number(int context, const char* key, uint32_t value, const char* format) {
  char text[16];
  std::snprintf(text, sizeof(text), format, value);
  return set_string(context, key, text);
}
long set_flag(int context, const char* key) {
  return ::syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, key, nullptr, 0);
}

}  // namespace

core::Result<Fd> open_fuse_device() {
  return checked_fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
}

core::Result<Fd> make_fuse_mount(int device, const FuseMount& options) {
  auto context = checked_fd(::syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC));
  if (!context.ok()) return context.failure();
  const int fs = context->get();
  const CString source(options.source);
  if (set_string(fs, "source", source.get()) < 0 || set_string(fs, "subtype", options.subtype) < 0 ||
      set_number(fs, "fd", static_cast<uint32_t>(device), "%u") < 0 ||
      set_number(fs, "rootmode", S_IFDIR, "%o") < 0 ||
      set_number(fs, "user_id", options.uid, "%u") < 0 ||
      set_number(fs, "group_id", options.gid, "%u") < 0 ||
      set_flag(fs, "default_permissions") < 0 ||
      (options.allow_other && set_flag(fs, "allow_other") < 0) ||
      (options.read_only && set_flag(fs, "ro") < 0) ||
      ::syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    return failure();
  }
  const unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                              (options.read_only ? unsigned{MOUNT_ATTR_RDONLY} : 0u);
  return checked_fd(::syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes));
}

uint32_t connection_of(int mount) {
  struct statx stat {};
  // Who asks for nothing else is told of the device, whoever the mount is for.
  const int got = ::statx(mount, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stat);
  return got < 0 ? 0 : stat.stx_dev_minor;
}

}  // namespace sluice::os
