#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "cli/commands.h"
#include "cli/policy_values.h"
#include "cli/run_limits.h"
#include "cli/run_namespaces.h"
#include "cli/run_signals.h"
#include "cli/run_step.h"
#include "cli/run_words.h"
#include "cli/touches.h"
#include "cli/view_file.h"
#include "core/escape.h"
#include "core/protection_names.h"
#include "os/apart.h"
#include "os/file.h"
#include "os/landlock.h"
#include "os/mount.h"
#include "os/service_self.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

struct Prepared {
  Source source;
  View view;
  std::vector<OnlyTree> only;
  uint32_t allowed_missing;
  std::string working_directory;  // empty: it has no name
  std::optional<uint64_t> file_size;
};

bool limited(const RunOptions& options) { return !options.only.empty(); }
bool own_processes(const RunOptions& options) { return options.unshare_pid || options.unshare_all; }

// By a directory that is open the command would get at the source beside the view.
absl::Status check_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    struct stat stat;
    if (::fstat(fd, &stat) < 0 || !S_ISDIR(stat.st_mode)) continue;
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("descriptor ", fd, " is a directory, by which the command could leave the view"),
                   "redirect it from a file, or from /dev/null");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint64_t>> parse_file_size(const RunOptions& options) {
  if (!options.file_size) return std::nullopt;
  const auto size = parse_size(*options.file_size);
  if (size.ok()) return *size;
  return absl::Status(size.status().code(), absl::StrCat("--file-size: ", size.status().message()));
}

absl::StatusOr<uint32_t> check_limits(const RunOptions& options) {
  uint32_t allowed = 0;
  for (const std::string& name : options.view.allow_missing) allowed |= core::protection_named(name);
  if (!limited(options)) return allowed;
  if (options.view.identity == "preserve") {
    return problem(absl::StatusCode::kInvalidArgument,
                   "--only does not confine root, which --identity preserve makes",
                   "name a user with --identity USER");
  }
  std::string lacks, allow;
  for (const core::Protection& protection : core::kProtections) {
    if ((os::landlock_missing() & ~allowed & protection.bit) == 0) continue;
    const std::string name(protection.name);
    absl::StrAppend(&lacks, lacks.empty() ? "" : ", ", name);
    absl::StrAppend(&allow, " --allow-missing ", name);
  }
  if (lacks.empty()) return allowed;
  return problem(absl::StatusCode::kUnimplemented, absl::StrCat("--only: the kernel lacks ", lacks),
                 absl::StrCat("use Linux 6.12 or later with landlock in lsm=, or do without:", allow));
}

absl::StatusOr<Prepared> prepare(RunOptions& options) {
  std::string target;  // of the file, and for sluice mount
  if (options.view.view_file.empty() || options.divided) {
    if (auto clear = check_words(options); !clear.ok()) return clear;
  }
  if (auto taken = take_view_file(&options.view, &target, &options.command); !taken.ok()) return taken;
  if (options.command.empty()) {
    return problem(absl::StatusCode::kInvalidArgument, "no command, here and in the file",
                   "write it behind --, or as command = [\"WORD\", ...] in [view]");
  }
  if (auto clean = check_descriptors(); !clean.ok()) return clean;
  auto allowed = check_limits(options);
  if (!allowed.ok()) return allowed.status();
  auto file_size = parse_file_size(options);
  if (!file_size.ok()) return file_size.status();
  char directory[PATH_MAX];
  const bool named = ::getcwd(directory, sizeof(directory)) != nullptr;
  if (options.view.source.empty()) options.view.source = ".";
  if (!named && options.view.source[0] != '/') {
    return problem(absl::StatusCode::kFailedPrecondition,
                   "the working directory cannot be found: it was removed", "change to another directory");
  }
  auto source = open_source(options.view.source);
  if (!source.ok()) return problem_of(options.view.source_place, source.status());
  if (source->path == "/") {
    return problem(absl::StatusCode::kFailedPrecondition,
                   "source \"/\" is the root directory, over which nothing can lie", "name a directory below it");
  }
  // A view among them, of which the service could not even tell.
  constexpr uint64_t kFuse = 0x65735546;
  if (auto magic = os::filesystem_magic(source->fd.get()); magic.ok() && *magic == kFuse) {
    return problem({EINVAL, core::Reason::kSourceStacked},
                   absl::StrCat("source \"", core::escaped(options.view.source), "\""));
  }
  auto only = find_only(options, source->path);
  if (!only.ok()) return only.status();
  auto view = request_view(options.view, *source, source->path, Lifetime::kCommand);
  if (!view.ok()) return view.status();
  const std::optional<uint64_t> bound = *file_size ? *file_size : view->file_size;
  return Prepared{*std::move(source), *std::move(view), *std::move(only), *allowed,
                  named ? directory : "", bound};
}

[[noreturn]] void become(const std::vector<std::string>& command, bool limits) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  std::fprintf(stderr, "sluice: cannot run \"%s\": %s\n", core::escaped(command[0]).c_str(), std::strerror(error));
  if (limits && error == ENOENT) {
    std::fprintf(stderr, "        try: name the directory that it is in with --only DIR:ro\n");
  }
  ::_exit(error == ENOENT ? 127 : 126);
}

// For good: the hard limit, too, which only root on the host may raise.
void limit_files(uint64_t bytes) {
  struct rlimit limit;
  must(::getrlimit(RLIMIT_FSIZE, &limit) == 0, "the size of files");
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, bytes);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_cur, bytes);
  must(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "the size of files");
}

// The two ends of what the command's processes tell the one that waits.
struct Ends {
  os::Fd gate;   // id maps; the first process of a process namespace
  os::Fd stops;  // signals by which the command stopped
};

// The first process of the new process namespace goes on from here. It is the child of who waits,
// and what was its maker ends.
void become_first(int gate) {
  const pid_t first = must_have(os::fork_sibling(), "fork");
  if (first != 0) {
    must(::write(gate, &first, sizeof(first)) == sizeof(first), "gate");
    ::_exit(0);
  }
  must_have(os::end_with_parent(), "the parent's end");
}

[[noreturn]] void become_command(Prepared& prepared, const RunOptions& options,
                                 const Signals& signals, Ends ends) {
  const Identity& identity = prepared.view.identity;
  const bool limits = limited(options);
  become_identity(identity);
  enter_namespaces(options, identity.preserve ? ends.gate.get() : -1);
  os::Fd proc;
  if (own_processes(options)) {
    become_first(ends.gate.get());
    proc = new_proc();
  }
  LimitedRoot root;
  if (limits) {
    root.enter(prepared.only, prepared.source, std::move(prepared.view.mount), prepared.view.read_only,
               std::move(proc));
  } else {
    attach_in_place({prepared.source, prepared.view.mount.get()});
    if (proc) {
      const os::Fd at(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
      must_have(os::attach_mount(proc.get(), at.get()), "/proc");
    }
  }
  // By name once more, so that a working directory in the source is in the view now.
  if (!prepared.working_directory.empty() && ::chdir(prepared.working_directory.c_str()) < 0) {
    std::fprintf(stderr, "sluice: the working directory is %s; starting in its root\n",
                 limits ? "neither in the view nor named by --only" : "hidden in the view");
    must(::chdir(prepared.source.path.c_str()) == 0, "working directory");
  }
  if (identity.preserve) lock_mounts();
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  if (own_processes(options)) {
    const pid_t command = ::fork();
    must(command >= 0, "fork");
    if (command != 0) {
      must_have(os::become_harmless(), "capabilities");
      be_init(command, signals, ends.stops.get());
    }
  }
  if (prepared.file_size) limit_files(*prepared.file_size);
  if (limits) root.restrict(prepared.allowed_missing);
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  signals.give_back();
  become(options.command, limits);
}

int fail(const absl::Status& status) {
  return report(status) == kExitUsage ? kExitUsage : kExitRunFailed;
}

}  // namespace

int run_command(const RunOptions& given, TouchReader* reader) {
  RunOptions options = given;
  // Nothing of ours may come to have the number of a stream that the caller has closed.
  if (auto held = os::hold_standard_descriptors(); !held.ok()) return fail(problem(held.failure(), "/dev/null"));
  const Signals signals;
  const OwnTerminal terminal;
  auto prepared = prepare(options);
  if (!prepared.ok()) return fail(prepared.status());
  auto gate = os::socket_pair();
  auto stops = os::socket_pair();
  if (!gate.ok() || !stops.ok()) return fail(problem(os::failure(), "socketpair"));
  pid_t pid = ::fork();
  if (pid < 0) return fail(problem(os::failure(), "fork"));
  if (pid == 0) {
    gate->first.reset();
    stops->first.reset();
    become_command(*prepared, options, signals, {std::move(gate->second), std::move(stops->second)});
  }
  gate->second.reset();
  stops->second.reset();
  prepared->view.mount.reset();
  if (reader != nullptr) reader->begin(std::move(prepared->view.record));
  if (prepared->view.identity.preserve && !map_all_ids(pid, gate->first.get())) {
    gate->first.reset();  // the child sees it, and ends
  }
  if (pid_t first; own_processes(options) && ::read(gate->first.get(), &first, sizeof(first)) == sizeof(first)) {
    ::waitpid(pid, nullptr, 0);
    pid = first;
  }
  const int status = follow(pid, signals, own_processes(options) ? stops->first.get() : -1);
  terminal.take_back();
  prepared->view.service.connection.reset();
  wait_for_service(prepared->view.service);
  return status;
}

}  // namespace sluice::cli
