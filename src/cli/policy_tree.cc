#include "cli/policy_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "core/filter.h"
#include "core/path.h"
#include "os/file.h"

namespace sluice::cli {
namespace {

using Name = TreeName;

// The time of access stays what it was, where the system allows that.
core::Result<os::Fd> open_to_list(int root, std::string_view path) {
  const std::string_view name = path.empty() ? "." : path;
  auto fd = os::open_beneath(root, name, O_RDONLY | O_DIRECTORY | O_NOATIME);
  if (!fd.ok() && fd.failure().error == EPERM)
    fd = os::open_beneath(root, name, O_RDONLY | O_DIRECTORY);
  return fd;
}

std::string_view why_not(const core::Failure& failure) {
  switch (failure.error) {
    case EXDEV:
      return "another mount: not in the view";
    case EACCES:
    case EPERM:
      return "cannot be read";
    default:
      return "changes at this moment";
  }
}

// Of a tree that is nothing but the way to grafts.
std::vector<Name> names_to(std::span<const core::Graft> grafts, std::string_view path) {
  std::vector<Name> names;
  for (const core::Graft& graft : grafts) {
    std::string_view rest = graft.at;
    if (!path.empty()) {
      if (!rest.starts_with(path) || rest.size() <= path.size() || rest[path.size()] != '/')
        continue;
      rest.remove_prefix(path.size() + 1);
    }
    names.push_back({std::string(core::pop_name(rest)), S_IFDIR});
  }
  std::sort(names.begin(), names.end(),
            [](const Name& a, const Name& b) { return a.name > b.name; });
  names.erase(std::unique(names.begin(), names.end(),
                          [](const Name& a, const Name& b) { return a.name == b.name; }),
              names.end());
  return names;
}

class Walker {
 public:
  Walker(const Trees& trees, core::Matcher& matcher,
         const std::function<void(const TreeEntry&)>& visit)
      : trees_(trees), matcher_(matcher), visit_(visit) {}

  core::Outcome walk() {
    auto names = names_below("");
    if (!names.ok()) return names.failure();
    stack_.push_back({0, *std::move(names)});
    while (!stack_.empty()) {
      Level& level = stack_.back();
      path_.resize(level.path_bytes);
      if (level.names.empty()) {
        stack_.pop_back();
        continue;
      }
      const Name next = std::move(level.names.back());
      level.names.pop_back();
      visit_one(next);
    }
    return core::Done{};
  }

 private:
  struct Level {
    size_t path_bytes;
    std::vector<Name> names;
  };

  core::Result<std::vector<Name>> names_below(std::string_view path) const {
    const core::Place place = core::place_of(trees_.places, path);
    if (place.root != 0) return names_in(trees_.grafts[place.root - 1].get(), place.rest);
    if (!trees_.source) return names_to(trees_.places, path);
    return names_in(trees_.source.get(), path);
  }

  void visit_one(const Name& next) {
    if (!path_.empty()) path_ += '/';
    path_ += next.name;
    const bool is_directory = next.type == S_IFDIR;
    const core::Rules& rules = matcher_.rules();
    const core::Decision decision = matcher_.decide(path_).of(is_directory);
    TreeEntry entry{path_,
                    next.name,
                    stack_.size() - 1,
                    next.type,
                    decision,
                    rules.hides(decision),
                    core::place_of(trees_.places, path_),
                    {}};
    if (decision.sight == core::kNoPath) entry.note = "its path is too long for a view";
    std::vector<Name> below;
    if (is_directory && !entry.hidden &&
        core::before(rules, decision, core::Operation::kList).ok() &&
        core::before(rules, decision, core::Operation::kEnter).ok()) {
      auto names = names_below(path_);
      if (names.ok())
        below = *std::move(names);
      else
        entry.note = why_not(names.failure());
    }
    visit_(entry);
    if (!below.empty()) stack_.push_back({path_.size(), std::move(below)});
  }

  const Trees& trees_;
  core::Matcher& matcher_;
  const std::function<void(const TreeEntry&)>& visit_;
  std::string path_;
  std::vector<Level> stack_;
};

}  // namespace

core::Result<std::vector<TreeName>> names_in(int root, std::string_view path) {
  auto fd = open_to_list(root, path);
  if (!fd.ok()) return fd.failure();
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd->get()), ::closedir);
  if (!directory) return os::failure();
  (void)fd->release();  // the stream has it now
  std::vector<TreeName> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    mode_t type = DTTOIF(entry->d_type);
    if (entry->d_type == DT_UNKNOWN) {
      struct stat stat;
      if (::fstatat(::dirfd(directory.get()), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
        continue;  // gone
      type = stat.st_mode & S_IFMT;
    }
    names.push_back({std::string(name), type});
    errno = 0;
  }
  if (errno != 0) return os::failure();
  std::sort(names.begin(), names.end(),
            [](const TreeName& a, const TreeName& b) { return a.name > b.name; });
  return names;
}

core::Outcome walk_trees(const Trees& trees, core::Matcher& matcher,
                         const std::function<void(const TreeEntry&)>& visit) {
  return Walker(trees, matcher, visit).walk();
}

}  // namespace sluice::cli
