#include "cli/policy_file.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "cli/output.h"
#include "core/escape.h"
#include "core/rules.h"
#include "os/fd.h"

namespace sluice::cli {
namespace {

constexpr off_t kMostBytes = 1 << 20;

absl::Status at(const std::string& file, const toml::source_region& where, std::string_view what,
                std::string_view remedy) {
  return problem(absl::StatusCode::kInvalidArgument,
                 absl::StrCat(core::escaped(file), ":", where.begin.line, ":", where.begin.column,
                              ": ", std::string(what)),
                 remedy);
}

absl::StatusOr<std::string> read_file(const std::string& file) {
  const os::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat stat;
  if (!fd || ::fstat(fd.get(), &stat) < 0) {
    const char* why = errno == ENOENT ? "does not exist" : errno == ELOOP ? "is a symbolic link"
                                                                        : "cannot be read";
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("policy \"", core::escaped(file), "\" ", why), "name a policy file");
  }
  if (!S_ISREG(stat.st_mode) || stat.st_size > kMostBytes) {
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("policy \"", core::escaped(file), "\" is not a file of at most 1 MiB"),
                   "name a policy file");
  }
  std::string text(static_cast<size_t>(stat.st_size), '\0');
  if (::read(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return problem({EIO, core::Reason::kSystem}, core::escaped(file));
  }
  return text;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> read_policy(const std::string& file) {
  auto text = read_file(file);
  if (!text.ok()) return text.status();
  const toml::parse_result parsed = toml::parse(*text);
  if (!parsed) {
    return at(file, parsed.error().source(), core::escaped(parsed.error().description()), "mend the file");
  }
  std::vector<std::string> patterns;
  for (const auto& [key, value] : parsed.table()) {
    if (key.str() != "hide") {
      return at(file, key.source(), absl::StrCat("unknown key \"", core::escaped(key.str()), "\""),
                "the one key is: hide = [\"PATTERN\", ...]");
    }
    const toml::array* list = value.as_array();
    if (list == nullptr) {
      return at(file, value.source(), "hide is not a list", "write hide = [\"PATTERN\", ...]");
    }
    for (const toml::node& item : *list) {
      const auto* pattern = item.as_string();
      if (pattern == nullptr) {
        return at(file, item.source(), "a pattern is not a string", "put it in quotes");
      }
      const std::string_view text_of[] = {pattern->get()};
      const auto compiled = core::Rules::compile(text_of);
      if (const auto* error = std::get_if<core::RuleError>(&compiled)) {
        return at(file, item.source(),
                  absl::StrCat("pattern \"", core::escaped(text_of[0]), "\": at byte ",
                               error->error.offset + 1, ": ", std::string(error->error.what)),
                  "write it as in gitignore(5)");
      }
      patterns.push_back(pattern->get());
    }
  }
  return patterns;
}

}  // namespace sluice::cli
