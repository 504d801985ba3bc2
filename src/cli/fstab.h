// Where a wrong line of /etc/fstab is. mount(8) does not say it to the programs that it starts.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/mount_words.h"

namespace sluice::cli {

// "FILE:LINE" of the line with this source, target and all of these options; empty where none is.
// text: of a file as fstab(5) describes it. Pure.
std::string fstab_place(std::string_view file, std::string_view text, const MountWords& words);

// The same, of /etc/fstab.
std::string fstab_place(const MountWords& words);

}  // namespace sluice::cli
