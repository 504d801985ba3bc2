// Names of FUSE requests, for people. PURE. Source: include/uapi/linux/fuse.h, enum fuse_opcode.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::wire {

inline constexpr size_t kOpcodeRead = 15;
inline constexpr size_t kOpcodeWrite = 16;

constexpr std::string_view opcode_name(size_t opcode) {
  constexpr std::string_view kNames[] = {
      "0",           "LOOKUP",      "FORGET",   "GETATTR",      "SETATTR",   "READLINK",
      "SYMLINK",     "7",           "MKNOD",    "MKDIR",        "UNLINK",    "RMDIR",
      "RENAME",      "LINK",        "OPEN",     "READ",         "WRITE",     "STATFS",
      "RELEASE",     "19",          "FSYNC",    "SETXATTR",     "GETXATTR",  "LISTXATTR",
      "REMOVEXATTR", "FLUSH",       "INIT",     "OPENDIR",      "READDIR",   "RELEASEDIR",
      "FSYNCDIR",    "GETLK",       "SETLK",    "SETLKW",       "ACCESS",    "CREATE",
      "INTERRUPT",   "BMAP",        "DESTROY",  "IOCTL",        "POLL",      "NOTIFY_REPLY",
      "BATCH_FORGET", "FALLOCATE",  "READDIRPLUS", "RENAME2",   "LSEEK",     "COPY_FILE_RANGE",
      "SETUPMAPPING", "REMOVEMAPPING", "SYNCFS", "TMPFILE",     "STATX",     "COPY_FILE_RANGE_64"};
  return opcode < sizeof(kNames) / sizeof(kNames[0]) ? kNames[opcode] : "OTHER";
}

}  // namespace sluice::wire
