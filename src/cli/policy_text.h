// The text of a policy: which file a word means, and reading it safely. Unprivileged.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

inline constexpr size_t kMostPolicyBytes = 1 << 20;  // of all files of a policy together

// A word without '/' and without ".toml" names a ready policy, any other a file. base: the
// directory that a relative file is in, with its '/'; empty: the working directory.
struct PolicyPlace {
  std::string name;  // for people: a ready policy's name, or the file as it was written
  std::string path;
};
PolicyPlace place_of_policy(std::string_view word, std::string_view base);

// A regular file of at most `most` bytes, not a symbolic link.
absl::StatusOr<std::string> read_policy_text(const PolicyPlace& place, size_t most);

// The names of the ready policies, sorted.
std::vector<std::string> ready_policies();

}  // namespace sluice::cli
