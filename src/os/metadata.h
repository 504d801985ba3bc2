// Names, directories and extended attributes: what the worker uses beside os/file.h.
//
// Names are single components (core::valid_name). No function here follows a symbolic link or opens a
// file's contents; fds are borrowed. Errors are the call's errno with Reason::kSystem.
#pragma once

#include <dirent.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "os/file.h"

namespace sluice::os {

// Attributes of a name, the link itself if it is one. A mount point's mount is seen: compare stx_mnt_id.
core::Result<Stat> stat_name(int dir, std::string_view name);
// The same of a valid_relative path, in pieces where it is longer than a call takes. Links on the way are followed
// where the mount allows it.
core::Result<Stat> stat_path(int dir, std::string_view path);
core::Result<Fd> open_name_path(int dir, std::string_view name);  // O_PATH
core::Result<Fd> open_directory(int dir, std::string_view name);  // O_RDONLY|O_DIRECTORY; "." is dir
// getdents64 into buffer: bytes read, 0 at the end.
core::Result<size_t> read_directory(int dir, std::span<char> buffer);
core::Result<size_t> read_link(int dir, std::string_view name, std::span<char> buffer);
core::Outcome make_directory(int dir, std::string_view name, uint32_t mode);
void set_umask(uint32_t mask);
// Whom new files belong to from now on, and as whom the caller opens them (setfsuid(2)).
core::Outcome set_files_uid(uint32_t uid);

// Extended attributes by the *xattrat calls (Linux 6.13); ENOSYS before. A size of 0 asks for the
// length.
core::Result<size_t> get_xattr(Target target, std::string_view key, std::span<char> value);
core::Result<size_t> list_xattr(Target target, std::span<char> keys);
core::Outcome set_xattr(Target target, std::string_view key, std::span<const char> value,
                        uint32_t flags);
core::Outcome remove_xattr(Target target, std::string_view key);

core::Result<struct statvfs> stat_filesystem(int fd);

}  // namespace sluice::os
