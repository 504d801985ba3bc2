// A field of /proc/self/mountinfo and of /etc/fstab.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

// Space, tab, newline, backslash and '#' are written as \ooo there. Anything else stays.
std::string unescape_mount_field(std::string_view text);

}  // namespace sluice::cli
