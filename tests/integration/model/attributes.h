// Attributes as text that must be the same on both sides.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace sluice::model {

// Times before this one were set by a test; later ones are "now" and differ.
inline constexpr int64_t kOldest = 1000000000;

std::string in_words(const struct stat& stat);
std::string access_time(const struct stat& stat);

// The extended attributes user.* of a path, names sorted. Follows no symbolic link.
std::string attributes_in_words(const char* path);

}  // namespace sluice::model
