#include "cli/view_options.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdlib>

#include "cli/client.h"
#include "cli/grafts.h"
#include "cli/output.h"
#include "cli/policy_file.h"
#include "cli/policy_values.h"
#include "cli/policy_warnings.h"
#include "core/escape.h"
#include "core/limits.h"
#include "core/protection_names.h"

namespace sluice::cli {
namespace {

// What the policy says, and then the command line, which wins.
struct Wanted {
  core::Rules rules;
  std::vector<PolicyGraft> grafts;
  bool read_only;
  uint32_t coherence_milliseconds;
  std::optional<FileSize> file_size;
};
absl::StatusOr<Wanted> decide_rules(const ViewOptions& options) {
  Policy policy;
  if (options.read) {
    policy = *options.read;
  } else if (!options.policy.empty()) {
    auto from_file = read_policy(options.policy);
    if (!from_file.ok()) return from_file.status();
    policy = *std::move(from_file);
  }
  add_hidden(policy, options.hide);
  if (auto status = add_grafts(policy, options.graft); !status.ok()) return status;
  auto rules = compile_policy(policy);
  if (!rules.ok()) return rules.status();
  if (options.read || !options.policy.empty()) tell_idle_rules(policy, *rules);
  uint32_t coherence = policy.coherence_milliseconds.value_or(core::Limits::kCoherenceMilliseconds);
  if (options.coherence) {
    const auto time = parse_duration("--coherence", *options.coherence);
    if (!time.ok()) return time.status();
    coherence = *time;
  }
  return Wanted{*std::move(rules), std::move(policy.grafts), options.read_only || policy.read_only, coherence, policy.file_size};
}

// The kernel writes to files past a view's processes: only who starts the writers can bound them.
absl::Status check_file_size(const Wanted& wanted) {
  if (!wanted.file_size) return absl::OkStatus();
  return problem_at(wanted.file_size->place, "file-size bounds the command of sluice run, and nothing else",
                    "use sluice run, or a policy without file-size");
}

}  // namespace

absl::StatusOr<core::Rules> compile_rules(const ViewOptions& options) {
  auto wanted = decide_rules(options);
  if (!wanted.ok()) return wanted.status();
  if (auto status = check_file_size(*wanted); !status.ok()) return status;
  return std::move(wanted->rules);
}

void add_rule_options(CLI::App& command, ViewOptions& options) {
  command.add_option("--hide", options.hide, "hide what matches PATTERN, as in gitignore(5); repeatable")
      ->option_text("PATTERN")
      ->allow_extra_args(false);
  command.add_option("--policy", options.policy, "take rules from FILE, or from a ready policy: see sluice policy list")
      ->option_text("FILE")
      ->check([](const std::string& word) { return std::string(word.empty() ? "is empty" : ""); });
}

void add_who_options(CLI::App& command, ViewOptions& options) {
  command.add_option("--identity", options.identity,
                     "act as USER (root only), or \"preserve\": keep every owner (root only)")
      ->option_text("USER")
      ->check([](const std::string& user) { return std::string(user.empty() ? "is empty" : ""); });
  command.add_option("--allow-missing", options.allow_missing,
                     "root, without a service: go on although the kernel lacks NAME (see doctor); repeatable")
      ->option_text("NAME")
      ->allow_extra_args(false)
      ->check([](const std::string& name) {
        return std::string(core::protection_named(name) == 0 ? "is no protection: see sluice doctor" : "");
      });
  command.add_option("--socket", options.socket, "the service's socket")->option_text("PATH");
}

void add_view_options(CLI::App& command, ViewOptions& options) {
  add_who_options(command, options);
  command.add_flag("--ro", options.read_only, "a read-only view")->disable_flag_override();
  command.add_flag("--device-nodes", options.device_nodes,
                   "with --identity preserve: device nodes can be made, of what is mounted nodev (root only)")
      ->disable_flag_override();
  add_rule_options(command, options);
  command.add_option("--graft", options.graft,
                     "AT=DIRECTORY: show it at the path AT of the view, with :ro behind it read-only; repeatable")
      ->option_text("GRAFT")
      ->allow_extra_args(false);
  command.add_option("--view", options.view_file, "take all of it from FILE, a policy with a [view] table")
      ->option_text("FILE");
  command.add_option("--coherence", options.coherence,
                     "how long names and attributes may be remembered (default 1s)")
      ->option_text("TIME");
  command.add_option("--name", options.name, "what to call the view")->option_text("NAME");
}

absl::Status problem_of(const std::string& place, const absl::Status& status) {
  if (status.ok() || place.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(place, ": ", status.message()));
}

absl::StatusOr<Source> open_source_or_none(const std::string& path) {
  return path == "none" ? Source{os::Fd(), path, 0} : open_source(path);
}

absl::StatusOr<Source> open_source(const std::string& path, const char* what) {
  const auto unusable = [&](const char* why, const char* remedy) {
    return problem(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat(what, " ", in_quotes(path), " ", why), remedy);
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
    return problem(os::failure(), absl::StrCat(what, " ", in_quotes(path)));
  }
  source.path = resolved;
  source.owner = stat.st_uid;
  return source;
}

absl::StatusOr<View> request_view(const ViewOptions& options, const Source& source,
                                  const std::string& target, Lifetime lifetime) {
  auto wanted = decide_rules(options);
  if (!wanted.ok()) return wanted.status();
  if (auto status = check_file_size(*wanted); lifetime != Lifetime::kCommand && !status.ok()) return status;
  auto identity = decide_identity(options.identity, source.owner);
  if (!identity.ok()) return problem_of(options.identity_place, identity.status());
  if (options.device_nodes && !identity->preserve) {
    return problem(absl::StatusCode::kInvalidArgument, "--device-nodes is of views that keep every owner",
                   "use --identity preserve as well, as root");
  }
  if (options.device_nodes && wanted->read_only) {
    return problem(absl::StatusCode::kInvalidArgument, "--device-nodes, and a read-only view, in which nothing is made",
                   "leave one of them out");
  }
  if (!options.name.empty() && !wire::valid_view_name(options.name)) {
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("--name ", in_quotes(options.name), " is not a name"),
                   "use letters, digits, '.', '_' and '-', at most 64");
  }
  auto grafts = open_grafts(wanted->grafts, &source.fd);
  if (!grafts.ok()) return grafts.status();
  if (!source.fd && grafts->places.empty()) {
    return problem(absl::StatusCode::kInvalidArgument, "a view of none needs --graft, or a policy with [[graft]]",
                   "name a source, or what to graft");
  }
  wire::Hello hello;
  hello.kind = wire::HelloKind::kMount;
  hello.no_source = !source.fd;
  hello.grafts = std::move(grafts->places);
  hello.read_only = wanted->read_only;
  hello.preserve = identity->preserve;
  hello.device_nodes = options.device_nodes;
  hello.named_identity = identity->named;
  hello.uid = identity->uid;
  hello.gid = identity->gid;
  hello.groups = identity->groups;
  hello.coherence_milliseconds = wanted->coherence_milliseconds;
  hello.record = options.record;
  const bool lasting = lifetime == Lifetime::kMount || lifetime == Lifetime::kHostMount;
  hello.tied = !lasting;
  hello.name = options.name;
  hello.source = source.path;
  hello.target = target;
  hello.rules = std::move(wanted->rules);
  auto service = reach_service(service_socket(options.socket), {identity->preserve, lasting, lifetime == Lifetime::kCommand,
                                                               options.allow_missing, options.device_nodes,
                                                               lifetime == Lifetime::kHostMount});
  if (!service.ok()) return service.status();
  std::vector<int> fds;
  if (source.fd) fds.push_back(source.fd.get());
  for (const os::Fd& directory : grafts->directories) fds.push_back(directory.get());
  auto answer = ask(service->connection.get(), hello, fds, absl::StrCat("source ", in_quotes(options.source)));
  if (!answer.ok()) return problem_of(options.source_place, answer.status());
  const size_t handed = options.record ? 2 : 1;
  if (answer->fds.size() != handed) {
    return problem({EPROTO, core::Reason::kProtocol}, "the service");
  }
  return View{std::move(answer->fds[0]), *std::move(service), answer->reply.text,
              *std::move(identity), wanted->read_only,
              options.record ? std::move(answer->fds[1]) : os::Fd(),
              wanted->file_size ? std::optional(wanted->file_size->bytes) : std::nullopt};
}

}  // namespace sluice::cli
