// The words that mount(8) gives to mount.sluice: SOURCE TARGET [-sfnvrw] [-N NAMESPACE] [-o OPTIONS].
// The manual is mount.sluice(8). Nothing outside is asked here.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/view_options.h"

namespace sluice::cli {

// One of a list of options, as it was written and as it is meant.
struct MountOption {
  std::string written;
  std::string name;
  std::optional<std::string> value;  // what is behind '='
};
// Takes a list apart at its commas. As mount(8) has it, a comma between double quotes or behind a
// backslash divides nothing. Quotes are taken off; so is a backslash before a comma, a quote or a
// backslash, and before anything else it stays, since patterns have a use for it.
absl::StatusOr<std::vector<MountOption>> split_mount_options(std::string_view list);

struct MountWords {
  ViewOptions view;
  std::string target;
  std::string mount_namespace;       // -N: a file
  std::vector<MountOption> options;  // all of -o
  bool no_programs = false;          // noexec
  bool fake = false;                 // -f: check, and mount nothing
  bool sloppy = false;               // -s
  bool verbose = false;              // -v
  bool help = false;
  bool version = false;
};
// What stands where. -r and -w are the options ro and rw.
absl::StatusOr<MountWords> divide_mount_words(std::span<const std::string> words);

// What the options say, into view and no_programs. Refuses what would silently not be heeded: one
// that is not known (unless sloppy), that a view cannot have, that lacks its value, or that is given
// twice.
absl::Status take_mount_options(MountWords* words);

}  // namespace sluice::cli
