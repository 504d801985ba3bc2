// What people write in a policy for modes, users, errors, times and sizes. No file is known here:
// the parser puts the place in front.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::cli {

// The permission bits of a file: those of `keep` stay as they are, those of `set` are added.
struct Mode {
  uint32_t keep;
  uint32_t set;
  uint32_t value() const { return keep << 16 | set; }  // as core::Effect::kMode has it
  bool operator==(const Mode&) const = default;
};
// As chmod(1): "0640", or "u+rw,go-rwx" with r, w, x, s and t. "+x" is "a+x", whatever the umask.
absl::StatusOr<Mode> parse_mode(std::string_view text);

// A user's or group's name, or its number.
absl::StatusOr<uint32_t> parse_user(std::string_view text);
absl::StatusOr<uint32_t> parse_group(std::string_view text);

// "EACCES"
absl::StatusOr<int> parse_errno(std::string_view text);
std::string errno_name(int error);

// "4096", "4KiB", "1MiB", "2GiB": bytes.
absl::StatusOr<uint64_t> parse_size(std::string_view text);

// "500ms", "2s", "1m", "1h", "1d": milliseconds, from 0s to 1d. what: for the message.
absl::StatusOr<uint32_t> parse_duration(std::string_view what, std::string_view text);

// Made safe to print, in quotes; of a long one the beginning.
std::string in_quotes(std::string_view text);

}  // namespace sluice::cli
