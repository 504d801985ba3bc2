#include "cli/fstab.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "cli/mount_field.h"

namespace sluice::cli {
namespace {

constexpr char kFstab[] = "/etc/fstab";

// With the '/' at its end that people write, or without.
std::string_view without_slash(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// What mount(8) adds or leaves out by itself says nothing about the line.
bool has_all(const std::vector<MountOption>& line, const std::vector<MountOption>& options) {
  return std::all_of(options.begin(), options.end(), [&](const MountOption& option) {
    return option.written == "rw" || option.written == "ro" ||
           std::any_of(line.begin(), line.end(),
                       [&](const MountOption& each) { return each.written == option.written; });
  });
}

}  // namespace

std::string fstab_place(std::string_view file, std::string_view text, const MountWords& words) {
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    const std::vector<std::string> fields = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (fields.size() < 3 || fields[0].starts_with('#')) continue;
    if (fields[2] != "sluice" && fields[2] != "fuse.sluice") continue;
    if (without_slash(unescape_mount_field(fields[0])) != without_slash(words.view.source)) continue;
    if (without_slash(unescape_mount_field(fields[1])) != without_slash(words.target)) continue;
    const auto options = split_mount_options(fields.size() > 3 ? unescape_mount_field(fields[3]) : "");
    if (!options.ok() || has_all(*options, words.options)) return absl::StrCat(std::string(file), ":", number);
  }
  return {};
}

std::string fstab_place(const MountWords& words) {
  std::ifstream file(kFstab);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return fstab_place(kFstab, text, words);
}

}  // namespace sluice::cli
