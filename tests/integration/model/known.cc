// What a view cannot do as a plain directory does, each with its reason.
#include <sys/stat.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/integration/model/contest.h"

namespace sluice::model {
namespace {

// As in_words() has it; -1: not in there.
long mode_in(const std::string& words) {
  return words.starts_with("mode=") ? std::strtol(words.c_str() + 5, nullptr, 8) : -1;
}

// Data is written with the broker's identity. In preserve mode that is in none of the caller's
// groups, so the filesystem takes away set-group-ID also from a file that its group may not
// execute.
bool only_group_bit(const Outcome& plain, const Outcome& view) {
  const long mode = mode_in(plain.data);
  return mode >= 0 && (mode & S_IXGRP) == 0 && (mode ^ mode_in(view.data)) == S_ISGID;
}

std::string without_atime(std::string words) {
  const size_t at = words.find(" atime=");
  return at == std::string::npos ? words : words.erase(at, words.find(' ', at + 1) - at);
}

// The kernel remembers what a symbolic link says, and asks nobody again who goes along it: that does not change its atime.
bool only_atime_of_link(const Outcome& plain, const Outcome& view) {
  return plain.error == view.error && S_ISLNK(mode_in(plain.data)) && without_atime(plain.data) == without_atime(view.data);
}

}  // namespace

bool is_known(const Operation& operation, const Mismatch& mismatch) {
  const std::string_view name = operation.name;
  const int error = mismatch.view.error;
  // The calls on extended attributes take no O_PATH descriptor, so the worker needs a name that it
  // can reach: not that of an open file whose directory has been closed to it.
  if (name.ends_with("xattr") && operation.path.empty() && error == EACCES) return true;
  // The broker finds a file by its path below the view's root, so every directory on the way must
  // let the identity through: neither a descriptor of a directory nor one in /proc is a way around.
  if ((name == "reopen" || name == "link_file" || operation.directory >= 0) && error == EACCES) return true;
  // A directory that was removed has no path. Filesystems differ here too.
  if (name == "open_temp" && error == ESTALE) return true;
  // A view is a read-only filesystem, and says so before it looks at the mode; a bind mount after.
  if (error == EROFS && mismatch.plain.error == EACCES) return true;
  // By ".." one gets out of the view, which is a mount of its own, and there is no way across.
  if ((name == "rename" || name == "link") && error == EXDEV) return true;
  return only_group_bit(mismatch.plain, mismatch.view) || only_atime_of_link(mismatch.plain, mismatch.view);
}

}  // namespace sluice::model
