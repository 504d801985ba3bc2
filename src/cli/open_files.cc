#include "cli/open_files.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "cli/mount_field.h"
#include "cli/mountpoint.h"
#include "core/escape.h"
#include "os/fd.h"

namespace sluice::cli {
namespace {

// By path, and of a connection's the backing files apart from those of its mount: they have paths of their own.
using Files = std::map<std::pair<std::string, bool>, OpenFile>;

// Numbers that are names in a directory of /proc; nullopt: it may not be read.
std::optional<std::vector<int>> numbers_in(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return std::nullopt;
  std::vector<int> numbers;
  while (const struct dirent* entry = ::readdir(directory.get())) {
    int number;
    if (absl::SimpleAtoi(entry->d_name, &number)) numbers.push_back(number);
  }
  return numbers;
}

// In a view there are paths that are longer than those that the kernel tells.
constexpr std::string_view kTooLong = "(too long)";

std::string link_at(const std::string& path) {
  char text[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), text, sizeof(text));
  if (length < 0) return std::string(errno == ENAMETOOLONG ? kTooLong : "");
  return std::string(text, static_cast<size_t>(length));
}

// Of /proc/PID/fdinfo/N: which mount it was opened by, and how.
struct Description {
  uint64_t mount = 0;
  bool write = false;
};
std::optional<Description> description_of(const std::string& process, int fd) {
  std::ifstream file(absl::StrCat(process, "/fdinfo/", fd));
  Description description;
  bool found = false;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "flags:")) {
      const unsigned long flags = std::strtoul(line.c_str() + 6, nullptr, 8);
      description.write = (flags & O_ACCMODE) != O_RDONLY && (flags & O_PATH) == 0;
    }
    if (absl::StartsWith(line, "mnt_id:")) {
      description.mount = std::strtoull(line.c_str() + 7, nullptr, 10);
      found = true;
    }
  }
  return found ? std::optional(description) : std::nullopt;
}

// The regular files of a local filesystem that a broker holds: never one of a view.
bool add_backing_files(const wire::ViewInfo& view, Files& files) {
  if (view.broker_pid == 0) return view.resting;  // none has started yet, or another is to take its place
  const std::string process = absl::StrCat("/proc/", view.broker_pid);
  const auto fds = numbers_in(process + "/fd");
  if (!fds) return false;
  for (const int fd : *fds) {
    if (fd <= STDERR_FILENO) continue;
    const std::string path = absl::StrCat(process, "/fd/", fd);
    struct statx stat {};
    if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC, STATX_TYPE, &stat) < 0 ||
        !S_ISREG(stat.stx_mode))
      continue;
    const std::string name = link_at(path);
    const auto description = description_of(process, fd);
    if (name.empty() || (name[0] != '/' && name != kTooLong) || !description) continue;
    OpenFile& file = files[{name, view.foreign}];
    file.path = name;
    file.granted = true;
    file.write = file.write || description->write;
  }
  return true;
}

// The mounts of views and connections that a process sees.
struct SeenMount {
  size_t view;
  std::string root;   // the part of the view that is mounted, "/" for all
  std::string point;  // where
};
std::map<uint64_t, SeenMount> mounts_of(const std::string& process,
                                        const std::vector<ListedView>& views) {
  std::map<uint64_t, SeenMount> mounts;
  std::ifstream file(process + "/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const bool view = absl::StrContains(line, " - fuse.sluice ");
    if (!view && !absl::StrContains(line, " - fuse")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    uint64_t id;
    if (words.size() < 6 || !absl::SimpleAtoi(words[0], &id)) continue;
    for (size_t i = 0; i < views.size(); ++i) {
      const wire::ViewInfo& info = views[i].info;
      // Another server calls its mounts what it likes.
      if (info.connection == 0 || (!view && !info.foreign) || words[2] != absl::StrCat("0:", info.connection)) continue;
      mounts[id] = {i, unescape_mount_field(words[3]), unescape_mount_field(words[4])};
    }
  }
  return mounts;
}

// As a path in the view; as it is where the process sees the mount elsewhere than the caller does.
std::string path_in(const SeenMount& mount, const std::string& link) {
  const std::string point = mount.point == "/" ? "" : mount.point;
  if (!absl::StartsWith(link, point + "/")) return link == point ? mount.root : link;
  return absl::StrCat(mount.root == "/" ? "" : mount.root, link.substr(point.size()));
}

// comm, and no command line: to read that one waits for who holds the process's memory, which may
// be one that waits for a view.
std::string command_of(const std::string& process) {
  std::ifstream file(process + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

void add_holders(int pid, const std::vector<ListedView>& views, std::vector<Files>& files) {
  const std::string process = absl::StrCat("/proc/", pid);
  const auto mounts = mounts_of(process, views);
  if (mounts.empty()) return;
  const auto fds = numbers_in(process + "/fd");
  if (!fds) return;
  for (const int fd : *fds) {
    const auto description = description_of(process, fd);
    const auto mount = description ? mounts.find(description->mount) : mounts.end();
    if (mount == mounts.end()) continue;
    const std::string path = path_in(mount->second, link_at(absl::StrCat(process, "/fd/", fd)));
    OpenFile& file = files[mount->second.view][{path, false}];
    file.path = path;
    file.write = file.write || description->write;
    if (file.holders.empty() || file.holders.back().pid != pid)
      file.holders.push_back({pid, command_of(process)});
  }
}

}  // namespace

nlohmann::json files_json(const OpenFiles& open) {
  using nlohmann::json;
  json files = json::array();
  for (const OpenFile& file : open.files) {
    json holders = json::array();
    for (const Holder& holder : file.holders) {
      holders.push_back({{"pid", holder.pid}, {"command", core::escaped(holder.command)}});
    }
    files.push_back({{"path", core::escaped(file.path)},
                     {"granted", file.granted},
                     {"write", file.write},
                     {"holders", holders}});
  }
  return files;
}

std::string holders_text(const OpenFile& file) {
  return absl::StrJoin(file.holders, ", ", [](std::string* out, const Holder& holder) {
    absl::StrAppend(out, core::escaped(holder.command), "(", holder.pid, ")");
  });
}

std::vector<OpenFiles> open_files(const std::vector<ListedView>& views) {
  std::vector<Files> files(views.size());
  std::vector<OpenFiles> open(views.size());
  for (size_t i = 0; i < views.size(); ++i) {
    open[i].complete = add_backing_files(views[i].info, files[i]);
  }
  for (const int pid : numbers_in("/proc").value_or(std::vector<int>()))
    add_holders(pid, views, files);
  for (size_t i = 0; i < views.size(); ++i) {
    for (auto& [key, file] : files[i]) open[i].files.push_back(std::move(file));
  }
  return open;
}

}  // namespace sluice::cli
