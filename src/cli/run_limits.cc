#include "cli/run_limits.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "cli/run_namespaces.h"
#include "cli/run_step.h"
#include "core/escape.h"
#include "os/apart.h"
#include "os/mount.h"

namespace sluice::cli {
namespace {

// What programs are and read, of any distribution; where it is there. Links stay links.
constexpr const char* kPrograms[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr",
                                     "/etc", "/opt",  "/sys", "/nix",   "/gnu"};
constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom", "tty"};

// Whether path is directory or below it.
bool is_in(const std::string& path, const std::string& directory) {
  return path == directory || absl::StartsWith(path, directory + "/");
}

absl::Status unusable(const std::string& word, std::string_view what, std::string_view remedy) {
  return problem(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("--only \"", core::escaped(word), "\" ", std::string(what)), remedy);
}

// Where the words lead to, or empty: not a directory.
std::string real_directory(const char* path) {
  char resolved[PATH_MAX];
  struct stat stat;
  if (path == nullptr || ::realpath(path, resolved) == nullptr || ::stat(resolved, &stat) < 0 ||
      !S_ISDIR(stat.st_mode)) {
    return "";
  }
  return resolved;
}

// Makes what is missing of a path below root, in a filesystem of ours: the rest is there already.
os::Fd make_directories(int root, const std::string& path) {
  os::Fd at(::openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    const std::string name(part);
    constexpr int kHow = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    os::Fd next(::openat(at.get(), name.c_str(), kHow));
    if (!next && errno == ENOENT && ::mkdirat(at.get(), name.c_str(), 0755) == 0) {
      next.reset(::openat(at.get(), name.c_str(), kHow));
    }
    must(static_cast<bool>(next), absl::StrCat("a place for ", core::escaped(path)).c_str());
    at = std::move(next);
  }
  return at;
}

// A file's mount at a name in directory, which is in a filesystem of ours.
void attach_file(int directory, const char* name, const os::Fd& file) {
  const os::Fd made(::openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  const os::Fd target(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  must(made && target, name);
  must_have(os::attach_mount(file.get(), target.get()), name);
}

void link(int root, const char* target, const char* path) {
  must(::symlinkat(target, root, path) == 0, path);
}

os::Fd empty_filesystem(const char* mode) {
  return must_have(os::new_filesystem("tmpfs", {{"mode", mode}}), "an empty filesystem");
}

// The devices that any program may use, terminals of its own, and the one that it was started on.
void fill_devices(int devices) {
  for (const char* name : kDevices) {
    auto device = os::copy_of_mounts(absl::StrCat("/dev/", name).c_str());
    if (device.ok()) attach_file(devices, name, *device);  // else a host without it
  }
  const os::Fd terminals = must_have(
      os::new_filesystem("devpts", {{"ptmxmode", "0666"}, {"mode", "0620"}}), "/dev/pts");
  must_have(os::attach_mount(terminals.get(), make_directories(devices, "pts").get()), "/dev/pts");
  link(devices, "pts/ptmx", "ptmx");
  link(devices, "/proc/self/fd", "fd");
  link(devices, "fd/0", "stdin");
  link(devices, "fd/1", "stdout");
  link(devices, "fd/2", "stderr");
  // By another name, since it is of other terminals than those in pts: ttyname(3) finds it.
  const char* terminal = nullptr;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && terminal == nullptr; ++fd) terminal = ::ttyname(fd);
  auto console = terminal == nullptr ? os::failure() : os::copy_of_mounts(terminal);
  if (console.ok()) attach_file(devices, "console", *console);
}

// Names of hosts are looked up as outside, wherever the file of that lies.
void show_resolver(int root) {
  char resolved[PATH_MAX];
  if (::realpath("/etc/resolv.conf", resolved) == nullptr) return;
  const std::string path(resolved);
  if (!is_in(path, "/run")) return;
  auto file = os::copy_of_mounts(resolved);
  if (!file.ok()) return;
  must_have(os::make_read_only(file->get(), false), path);
  const size_t slash = path.rfind('/');
  attach_file(make_directories(root, path.substr(0, slash)).get(), path.c_str() + slash + 1, *file);
}

}  // namespace

absl::StatusOr<std::vector<OnlyTree>> find_only(const RunOptions& options, const std::string& source) {
  std::vector<OnlyTree> trees;
  for (const std::string& word : options.only) {
    absl::string_view path = word;
    const bool read_only = absl::ConsumeSuffix(&path, ":ro");
    const std::string full = real_directory(std::string(path).c_str());
    if (full.empty()) {
      struct stat stat;
      const bool there = ::stat(std::string(path).c_str(), &stat) == 0;
      return unusable(word, there ? "is not a directory" : "cannot be found",
                      there ? "name the directory that it is in" : "name a directory that is there");
    }
    if (full == "/") return unusable(word, "is everything", "leave out --only, or name less");
    if (full == source && !read_only) continue;  // the view, and nothing else
    if (is_in(full, source)) {
      return unusable(word, "is in the view, which shows it unless a rule hides it",
                      "leave it out; see --hide and --ro");
    }
    for (const OnlyTree& tree : trees) {
      if (tree.path == full && tree.read_only != read_only) {
        return unusable(word, "is named twice, with :ro and without", "name it once");
      }
    }
    trees.push_back({full, read_only});
  }
  return trees;
}

void LimitedRoot::add(Part part) {
  // What was named replaces what would have been there, and everything below it.
  for (const Part& named : parts_) {
    if (named.kind == Part::kNamed && part.kind != Part::kNamed && is_in(part.path, named.path)) return;
  }
  parts_.push_back(std::move(part));
}

void LimitedRoot::attach(const Part& part) const {
  const os::Fd at = make_directories(root_.get(), part.path);
  must_have(os::attach_mount(part.mount.get(), at.get()), core::escaped(part.path));
}

void LimitedRoot::enter(const std::vector<OnlyTree>& only, const Source& source, os::Fd view,
                        bool view_read_only, os::Fd proc) {
  (void)find_source(source);
  parts_.push_back({source.path, std::move(view), !view_read_only, Part::kNamed});
  for (const OnlyTree& tree : only) {
    auto copy = os::copy_of_mounts(tree.path.c_str());
    if (!copy.ok()) {
      give_up(unusable(tree.path, "cannot be reached by the command's user",
                       "name a directory that it may read"));
    }
    if (tree.read_only) must_have(os::make_read_only(copy->get(), true), core::escaped(tree.path));
    parts_.push_back({tree.path, *std::move(copy), !tree.read_only, Part::kNamed});
  }
  root_ = empty_filesystem("0755");
  std::vector<std::pair<std::string, std::string>> links;
  for (const char* path : kPrograms) {
    char target[PATH_MAX];
    if (const ssize_t length = ::readlink(path, target, sizeof(target)); length > 0) {
      links.emplace_back(path, std::string(target, static_cast<size_t>(length)));
      continue;
    }
    auto copy = os::copy_of_mounts(path);
    if (!copy.ok()) continue;  // not on this host
    must_have(os::make_read_only(copy->get(), true), path);
    add({path, *std::move(copy), false, Part::kMayBeCovered});
  }
  if (!proc) proc = must_have(os::copy_of_mounts("/proc"), "/proc");
  add({"/proc", std::move(proc), true, Part::kMayBeCovered});
  add({"/dev", empty_filesystem("0755"), true, Part::kDevices});
  add({"/dev/shm", empty_filesystem("1777"), true, Part::kMayBeCovered});
  add({"/tmp", empty_filesystem("1777"), true, Part::kMayBeCovered});
  add({"/var/tmp", empty_filesystem("1777"), true, Part::kMayBeCovered});
  // A home directory that takes caches and settings, and loses them; not in the way of anything else.
  const std::string home = real_directory(std::getenv("HOME"));
  const bool free = !home.empty() && home != "/" &&
                    std::none_of(parts_.begin(), parts_.end(), [&](const Part& part) {
                      return is_in(home, part.path) && part.path != "/tmp" && part.path != "/var/tmp";
                    });
  if (free) add({home, empty_filesystem("0700"), true, Part::kMayBeCovered});
  std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.path < b.path; });

  const os::Fd top(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  must_have(os::attach_mount(root_.get(), top.get()), "a root directory");
  for (const auto& [path, target] : links) link(root_.get(), target.c_str(), path.c_str() + 1);
  for (const Part& part : parts_) {
    attach(part);
    if (part.kind == Part::kDevices) fill_devices(part.mount.get());
  }
  // Where /run or a part of it was named, it is the host's.
  const bool names_run = std::any_of(parts_.begin(), parts_.end(),
                                     [](const Part& part) { return is_in(part.path, "/run"); });
  (void)make_directories(root_.get(), "/run");
  if (!names_run) show_resolver(root_.get());
  for (const Part& part : parts_) {
    if (part.kind == Part::kDevices) must_have(os::make_read_only(part.mount.get(), false), part.path);
  }
  must_have(os::make_read_only(root_.get(), false), "the root directory");
  must_have(os::change_root(root_.get()), "the root directory");
}

void LimitedRoot::restrict(uint32_t allowed_missing) const {
  std::vector<os::PathLimit> limits = {{root_.get(), true, false}};
  for (const Part& part : parts_) {
    if (part.write) limits.push_back({part.mount.get(), true, true});
  }
  // What the caller opened for it may be opened again: /dev/stdout and its like.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) continue;
    const int mode = flags & O_ACCMODE;
    limits.push_back({fd, mode != O_WRONLY, mode != O_RDONLY});
  }
  must_have(os::limit_paths(limits, allowed_missing), "--only");
  must_have(os::leave_keyring(), "a session keyring");
  must_have(os::refuse_typing(), "the terminal");
}

}  // namespace sluice::cli
