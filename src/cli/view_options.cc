#include "cli/view_options.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdlib>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/policy_file.h"
#include "core/escape.h"
#include "core/limits.h"
#include "core/protection.h"

namespace sluice::cli {
namespace {

std::string in_quotes(const std::string& text) { return absl::StrCat("\"", core::escaped(text), "\""); }

// "500ms", "2s", "1m", "1h", "1d" in milliseconds.
absl::StatusOr<uint32_t> parse_duration(const std::string& text) {
  struct Unit {
    const char* suffix;
    uint64_t milliseconds;
  };
  constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
  for (const Unit& unit : kUnits) {
    absl::string_view number = text;
    uint32_t value;
    if (!absl::ConsumeSuffix(&number, unit.suffix)) continue;
    if (number.find_first_not_of("0123456789") != absl::string_view::npos) continue;
    if (!absl::SimpleAtoi(number, &value)) continue;
    const uint64_t milliseconds = value * unit.milliseconds;
    if (milliseconds > core::Limits::kCoherenceMillisecondsMost) break;
    return static_cast<uint32_t>(milliseconds);
  }
  return problem(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("--coherence ", in_quotes(text), " is not a time from 0s to 1d"),
                 "write it like 0s, 500ms, 1s or 1h");
}

absl::StatusOr<core::Rules> compile_rules(const ViewOptions& options) {
  std::vector<std::string> patterns;
  if (!options.policy.empty()) {
    auto from_file = read_policy(options.policy);
    if (!from_file.ok()) return from_file.status();
    patterns = *std::move(from_file);
  }
  patterns.insert(patterns.end(), options.hide.begin(), options.hide.end());
  const std::vector<std::string_view> views(patterns.begin(), patterns.end());
  auto rules = core::Rules::compile(views);
  if (auto* error = std::get_if<core::RuleError>(&rules)) {
    const bool listed = error->pattern < patterns.size();
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("--hide ", listed ? in_quotes(patterns[error->pattern]) : std::string(),
                                ": at byte ", error->error.offset + 1, ": ",
                                std::string(error->error.what)),
                   "write it as in gitignore(5), for example '*.key' or '/secrets/'");
  }
  return std::get<core::Rules>(std::move(rules));
}

}  // namespace

void add_view_options(CLI::App& command, ViewOptions& options) {
  command.add_option("--identity", options.identity,
                     "act as USER (root only), or \"preserve\": keep every owner (root only)")
      ->option_text("USER")
      ->check([](const std::string& user) { return std::string(user.empty() ? "is empty" : ""); });
  command.add_flag("--ro", options.read_only, "a read-only view")->disable_flag_override();
  command.add_option("--hide", options.hide, "hide what matches PATTERN, as in gitignore(5); repeatable")
      ->option_text("PATTERN")
      ->allow_extra_args(false);
  command.add_option("--policy", options.policy, "take rules from FILE (TOML)")->option_text("FILE");
  command.add_option("--coherence", options.coherence,
                     "how long names and attributes may be remembered (default 1s)")
      ->option_text("TIME");
  command.add_option("--name", options.name, "what to call the view")->option_text("NAME");
  command.add_option("--allow-missing", options.allow_missing,
                     "root, without a service: go on although the kernel lacks NAME (see doctor); repeatable")
      ->option_text("NAME")
      ->allow_extra_args(false)
      ->check([](const std::string& name) {
        return std::string(core::protection_named(name) == 0 ? "is no protection: see sluice doctor" : "");
      });
  command.add_option("--socket", options.socket, "the service's socket")->option_text("PATH");
}

absl::StatusOr<Source> open_source(const std::string& path) {
  const auto unusable = [&](const char* what, const char* remedy) {
    return problem(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("source ", in_quotes(path), " ", what), remedy);
  };
  struct stat stat;
  if (::lstat(path.c_str(), &stat) < 0) {
    if (errno == ENOENT) return unusable("does not exist", "name a directory that is there");
    return unusable("cannot be reached: no permission", "name a directory that you may read");
  }
  if (S_ISLNK(stat.st_mode)) return unusable("is a symbolic link", "name the directory it leads to");
  if (!S_ISDIR(stat.st_mode)) return unusable("is not a directory", "name a directory");
  if (::access(path.c_str(), R_OK | X_OK) < 0) {
    return unusable("cannot be read", "name a directory that you may read");
  }
  Source source;
  source.fd = os::Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  char resolved[PATH_MAX];
  if (!source.fd || ::realpath(path.c_str(), resolved) == nullptr) {
    return problem(os::failure(), absl::StrCat("source ", in_quotes(path)));
  }
  source.path = resolved;
  source.owner = stat.st_uid;
  return source;
}

absl::StatusOr<View> request_view(const ViewOptions& options, const Source& source,
                                  const std::string& target, Lifetime lifetime) {
  auto rules = compile_rules(options);
  if (!rules.ok()) return rules.status();
  auto coherence = parse_duration(options.coherence);
  if (!coherence.ok()) return coherence.status();
  auto identity = decide_identity(options.identity, source.owner);
  if (!identity.ok()) return identity.status();
  if (!options.name.empty() && !wire::valid_view_name(options.name)) {
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("--name ", in_quotes(options.name), " is not a name"),
                   "use letters, digits, '.', '_' and '-', at most 64");
  }
  wire::Hello hello;
  hello.kind = wire::HelloKind::kMount;
  hello.read_only = options.read_only;
  hello.preserve = identity->preserve;
  hello.named_identity = identity->named;
  hello.uid = identity->uid;
  hello.gid = identity->gid;
  hello.groups = identity->groups;
  hello.coherence_milliseconds = *coherence;
  hello.tied = lifetime != Lifetime::kMount;
  hello.name = options.name;
  hello.source = source.path;
  hello.target = target;
  hello.rules = *std::move(rules);
  auto service = reach_service(service_socket(options.socket), {identity->preserve, lifetime == Lifetime::kMount,
                                                               lifetime == Lifetime::kCommand, options.allow_missing});
  if (!service.ok()) return service.status();
  auto answer = ask(service->connection.get(), hello, source.fd.get(), absl::StrCat("source ", in_quotes(options.source)));
  if (!answer.ok()) return answer.status();
  if (answer->fds.size() != 1) {
    return problem({EPROTO, core::Reason::kProtocol}, "the service");
  }
  return View{std::move(answer->fds[0]), *std::move(service), answer->reply.text,
              *std::move(identity)};
}

}  // namespace sluice::cli
