#include "cli/policy_values.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "cli/output.h"
#include "cli/suggestion.h"
#include "core/escape.h"
#include "core/limits.h"

namespace sluice::cli {
namespace {

constexpr uint32_t kAllBits = 07777;
constexpr int kLastErrno = 133;

absl::Status wrong(std::string_view what, std::string_view remedy) {
  return problem(absl::StatusCode::kInvalidArgument, what, remedy);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

absl::Status not_a_mode(std::string_view text, std::string_view why) {
  return wrong(absl::StrCat("mode ", in_quotes(text), " ", std::string(why)),
               "write it as for chmod(1), for example \"go-rwx\" or \"0640\"");
}

bool is_action(char c) { return c == '+' || c == '-' || c == '='; }

// One of "u+rw", "go-rwx", "a=r,+x" without its comma. Empty: understood.
std::string_view apply_clause(std::string_view clause, Mode* mode) {
  uint32_t who = 0;
  size_t at = 0;
  for (; at < clause.size(); ++at) {
    if (clause[at] == 'u')
      who |= 04700;
    else if (clause[at] == 'g')
      who |= 02070;
    else if (clause[at] == 'o')
      who |= 01007;
    else if (clause[at] == 'a')
      who |= kAllBits;
    else
      break;
  }
  if (who == 0) who = kAllBits;
  if (at == clause.size() || !is_action(clause[at])) return "has no '+', '-' or '='";
  while (at < clause.size()) {
    const char action = clause[at++];
    uint32_t bits = 0;
    for (; at < clause.size() && !is_action(clause[at]); ++at) {
      switch (clause[at]) {
        case 'r':
          bits |= 00444;
          break;
        case 'w':
          bits |= 00222;
          break;
        case 'x':
          bits |= 00111;
          break;
        case 's':
          bits |= 06000;
          break;
        case 't':
          bits |= 01000;
          break;
        // What they mean depends on the file that they are applied to.
        case 'X':
        case 'u':
        case 'g':
        case 'o':
          return "depends on the file; only r, w, x, s and t can be said";
        default:
          return "has a letter that is no permission";
      }
    }
    bits &= who;
    // As chmod does it with directories: '=' takes away no s or t.
    if (action == '=') mode->keep &= ~(who & 0777), mode->set &= ~(who & 0777);
    if (action == '-')
      mode->keep &= ~bits, mode->set &= ~bits;
    else
      mode->set |= bits;
  }
  return {};
}

// The names of a file in the form of passwd(5), for a suggestion; the first thousand.
std::vector<std::string> names_in(const char* path) {
  std::vector<std::string> names;
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "re"), std::fclose);
  char line[512];
  while (file && names.size() < 1000 && std::fgets(line, sizeof(line), file.get()) != nullptr) {
    names.emplace_back(line, std::strcspn(line, ":\n"));
  }
  return names;
}

absl::Status nobody(std::string_view kind, std::string_view text, const char* database) {
  const std::vector<std::string> names = names_in(database);
  return wrong(absl::StrCat("no ", std::string(kind), " ", in_quotes(text)),
               did_you_mean(text, {names.begin(), names.end()},
                            "name one of this host, or write its number"));
}

absl::StatusOr<uint32_t> parse_id(std::string_view kind, std::string_view text) {
  uint32_t id;
  if (absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &id) && id != UINT32_MAX)
    return id;
  return wrong(absl::StrCat(std::string(text), " is no ", std::string(kind)),
               "write a number from 0 to 4294967294");
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr size_t kMost = 200;
  return absl::StrCat("\"", core::escaped(text.substr(0, kMost)), text.size() > kMost ? "..." : "",
                      "\"");
}

absl::StatusOr<Mode> parse_mode(std::string_view text) {
  if (text.empty()) return not_a_mode(text, "is empty");
  if (is_number(text)) {
    uint32_t bits = 0;
    for (const char digit : text) {
      if (digit > '7') return not_a_mode(text, "is not octal");
      bits = bits * 8 + static_cast<uint32_t>(digit - '0');
      if (bits > kAllBits) return not_a_mode(text, "is larger than 7777");
    }
    return Mode{0, bits};
  }
  Mode mode{kAllBits, 0};
  for (const absl::string_view clause :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const std::string_view why = apply_clause({clause.data(), clause.size()}, &mode);
    if (!why.empty()) return not_a_mode(text, why);
  }
  return mode;
}

absl::StatusOr<uint32_t> parse_user(std::string_view text) {
  if (is_number(text)) return parse_id("uid", text);
  const struct passwd* user = ::getpwnam(std::string(text).c_str());
  if (user == nullptr || text.find('\0') != std::string_view::npos)
    return nobody("user", text, "/etc/passwd");
  return user->pw_uid;
}

absl::StatusOr<uint32_t> parse_group(std::string_view text) {
  if (is_number(text)) return parse_id("gid", text);
  const struct group* group = ::getgrnam(std::string(text).c_str());
  if (group == nullptr || text.find('\0') != std::string_view::npos)
    return nobody("group", text, "/etc/group");
  return group->gr_gid;
}

std::string errno_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr && error != 0 ? name : absl::StrCat(error);
}

absl::StatusOr<int> parse_errno(std::string_view text) {
  std::vector<std::string_view> names;
  for (int error = 1; error <= kLastErrno; ++error) {
    const char* name = ::strerrorname_np(error);
    if (name == nullptr) continue;
    if (text == name) return error;
    names.push_back(name);
  }
  // The one that has two names.
  if (text == "EWOULDBLOCK") return EWOULDBLOCK;
  return wrong(absl::StrCat("no error ", in_quotes(text)),
               did_you_mean(text, names, "write a name of errno(3), for example \"EACCES\""));
}

absl::StatusOr<uint64_t> parse_size(std::string_view text) {
  constexpr struct {
    std::string_view unit;
    int shift;
  } kUnits[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"", 0}};
  for (const auto& [unit, shift] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::string_view number = text.substr(0, text.size() - unit.size());
    uint64_t value;
    if (!is_number(number) ||
        !absl::SimpleAtoi(absl::string_view(number.data(), number.size()), &value))
      break;
    if (value > static_cast<uint64_t>(INT64_MAX) >> shift) break;
    return value << shift;
  }
  return wrong(absl::StrCat(in_quotes(text), " is no size"),
               "write bytes, or for example \"4KiB\" or \"1MiB\"");
}

absl::StatusOr<uint32_t> parse_duration(std::string_view what, std::string_view text) {
  constexpr struct {
    std::string_view unit;
    uint64_t milliseconds;
  } kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
  for (const auto& [unit, milliseconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::string_view number = text.substr(0, text.size() - unit.size());
    uint32_t value;
    if (!is_number(number)) continue;
    if (!absl::SimpleAtoi(absl::string_view(number.data(), number.size()), &value)) continue;
    if (value * milliseconds > core::Limits::kCoherenceMillisecondsMost) break;
    return static_cast<uint32_t>(value * milliseconds);
  }
  return wrong(
      absl::StrCat(std::string(what), " ", in_quotes(text), " is not a time from 0s to 1d"),
      "write it like 0s, 500ms, 1s or 1h");
}

}  // namespace sluice::cli
