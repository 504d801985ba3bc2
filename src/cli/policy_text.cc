#include "cli/policy_text.h"

#include <absl/strings/str_cat.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>

#include "cli/output.h"
#include "cli/policy_values.h"
#include "cli/suggestion.h"
#include "os/fd.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kSuffix = ".toml";

// Where they are installed, and where the build puts them, both beside the program's directory.
std::string ready_directory() {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self));
  if (length <= 0 || static_cast<size_t>(length) == sizeof(self)) return {};
  const std::string_view program(self, static_cast<size_t>(length));
  return absl::StrCat(std::string(program.substr(0, program.rfind('/'))),
                      "/../share/sluice/policies");
}

bool names_ready_policy(std::string_view word) {
  return word.find('/') == std::string_view::npos && !word.ends_with(kSuffix);
}

absl::Status unusable(const PolicyPlace& place, std::string_view why) {
  return problem(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("policy ", in_quotes(place.name), " ", std::string(why)),
                 "name a policy file");
}

absl::Status missing(const PolicyPlace& place) {
  if (!names_ready_policy(place.name)) return unusable(place, "does not exist");
  const std::vector<std::string> ready = ready_policies();
  return problem(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("policy ", in_quotes(place.name), " is no ready policy"),
                 did_you_mean(place.name, {ready.begin(), ready.end()},
                              "see sluice policy list, or name a file with its '/', as ./FILE"));
}

}  // namespace

PolicyPlace place_of_policy(std::string_view word, std::string_view base) {
  if (names_ready_policy(word)) {
    const std::string directory = word.empty() ? std::string() : ready_directory();
    if (directory.empty()) return {std::string(word), {}};
    return {std::string(word),
            absl::StrCat(directory, "/", std::string(word), std::string(kSuffix))};
  }
  if (base.empty() || word.starts_with('/')) return {std::string(word), std::string(word)};
  const std::string path = absl::StrCat(std::string(base), std::string(word));
  return {path, path};
}

absl::StatusOr<std::string> read_policy_text(const PolicyPlace& place, size_t most) {
  if (place.path.empty() || place.path.find('\0') != std::string::npos) return missing(place);
  const os::Fd fd(
      ::open(place.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat stat;
  if (!fd || ::fstat(fd.get(), &stat) < 0) {
    if (errno == ENOENT) return missing(place);
    return unusable(place, errno == ELOOP ? "is a symbolic link" : "cannot be read");
  }
  if (!S_ISREG(stat.st_mode)) return unusable(place, "is not a regular file");
  const auto size = static_cast<size_t>(stat.st_size);
  if (size > most) return unusable(place, "is larger than 1 MiB, with all that it includes");
  std::string text(size + 1, '\0');  // one byte more: it may grow meanwhile
  size_t used = 0;
  while (used < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return problem(os::failure(), absl::StrCat("policy ", in_quotes(place.name)));
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  if (used != size) return unusable(place, "changes while it is read");
  text.resize(used);
  return text;
}

std::vector<std::string> ready_policies() {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(ready_directory().c_str()),
                                                      ::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(kSuffix) && name.size() > kSuffix.size()) {
      names.emplace_back(name.substr(0, name.size() - kSuffix.size()));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace sluice::cli
