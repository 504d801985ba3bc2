// What mount(8) gives to mount.sluice: words, options, and the line of fstab that they are from.
// Words are divided by newlines; behind an empty one stands an fstab.
#include "cli/mount_words.h"

#include <vector>

#include "cli/fstab.h"
#include "fuzz/target.h"

using namespace sluice;

namespace {

// Commas that divide: neither between quotes nor behind a backslash that is taken off.
size_t count_options(std::string_view list) {
  size_t count = 0, length = 0;
  bool quoted = false;
  for (size_t i = 0; i <= list.size(); ++i) {
    if (i == list.size() || (list[i] == ',' && !quoted)) {
      count += length > 0;
      length = 0;
      continue;
    }
    ++length;
    const bool escapes = list[i] == '\\' && i + 1 < list.size();
    if (escapes && (list[i + 1] == ',' || list[i + 1] == '"' || list[i + 1] == '\\'))
      ++i;
    else if (list[i] == '"')
      quoted = !quoted;
  }
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = fuzz::text_of({data, size});
  std::string_view fstab;
  if (const size_t gap = text.find("\n\n"); gap != std::string_view::npos) {
    fstab = text.substr(gap + 2);
    text = text.substr(0, gap);
  }
  std::vector<std::string> list;
  for (;;) {
    const size_t end = std::min(text.find('\n'), text.size());
    list.emplace_back(text.substr(0, end));
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  for (const std::string& word : list) {
    const auto options = cli::split_mount_options(word);
    if (!options.ok()) continue;
    FUZZ_HOLDS(options->size() == count_options(word));
    // Written down with commas they are the same options again.
    std::string again;
    for (const cli::MountOption& option : *options)
      again += (again.empty() ? "" : ",") + option.written;
    const auto twice = cli::split_mount_options(again);
    FUZZ_HOLDS(twice.ok() && twice->size() == options->size());
    for (size_t i = 0; i < options->size(); ++i) {
      FUZZ_HOLDS((*twice)[i].name == (*options)[i].name &&
                 (*twice)[i].value == (*options)[i].value);
    }
  }
  auto words = cli::divide_mount_words(list);
  if (!words.ok()) return 0;
  const auto taken = cli::take_mount_options(&*words);
  if (taken.ok()) {
    // Nothing that a view cannot have passes silently.
    for (const cli::MountOption& option : words->options) {
      for (const char* never : {"suid", "dev", "remount", "bind", "rbind", "move", "allow_other"}) {
        FUZZ_HOLDS(option.name != never);
      }
    }
  } else {
    for (const char c : taken.message()) FUZZ_HOLDS((c >= ' ' && c < 0x7f) || c == '\n');
  }
  const std::string place = cli::fstab_place("fstab", fstab, *words);
  FUZZ_HOLDS(place.empty() || place.starts_with("fstab:"));
  return 0;
}
