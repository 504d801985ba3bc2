// Paths in a real tree: what core/path.h calls valid, and what openat2 makes of it, against a model
// of the tree. Nothing outside is reached, no link is followed, and a path has one spelling.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <string>

#include "core/path.h"
#include "fuzz/scratch.h"
#include "fuzz/target.h"
#include "os/file.h"

using namespace sluice;

namespace {

constexpr std::string_view kWords[] = {"a",   "b", "file", "link", "up",      "out",
                                       "dir", ".", "..",   "",     "missing", "fifo"};

constexpr size_t kFarStep = 200, kFarSteps = 25;

enum class What { kDirectory, kFile, kLink, kOther };

struct Tree {
  int root = -1;
  std::string far;  // a directory further down than one call reaches
  std::map<std::string, What, std::less<>> names;
  std::map<std::string, unsigned long, std::less<>> inodes;

  Tree() {
    make_dirs();
    root = ::open("/tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
    FUZZ_HOLDS(root >= 0);
    for (const auto& [name, what] : names) inodes[name] = fuzz::inode_of("/tree/" + name);
    make_far();
  }
  void make_dirs() {
    fuzz::make_empty("/tree");
    fuzz::make_empty("/outside");
    fuzz::write_file("/outside/file", "secret");
    for (const char* name : {"a", "a/b", "a/b/dir", "b", "dir"}) {
      FUZZ_HOLDS(::mkdir(("/tree/" + std::string(name)).c_str(), 0755) == 0);
      names[name] = What::kDirectory;
    }
    for (const char* name : {"file", "a/file", "a/b/file", "b/a", "dir/file", "a/b/dir/file"}) {
      fuzz::write_file("/tree/" + std::string(name), name);
      names[name] = What::kFile;
    }
    const std::pair<const char*, const char*> kLinks[] = {
        {"link", "a"},  {"a/link", "b/file"}, {"up", ".."},
        {"a/up", ".."}, {"out", "/outside"},  {"a/b/out", "../../../outside"}};
    for (const auto& [name, target] : kLinks) {
      FUZZ_HOLDS(::symlink(target, ("/tree/" + std::string(name)).c_str()) == 0);
      names[name] = What::kLink;
    }
    FUZZ_HOLDS(::mkfifo("/tree/fifo", 0600) == 0);
    names["fifo"] = What::kOther;
  }
  void make_far() {
    const std::string step(kFarStep, 'd');
    os::Fd at(::openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (size_t i = 0; i < kFarSteps; ++i) {
      FUZZ_HOLDS(::mkdirat(at.get(), step.c_str(), 0755) == 0);
      at = os::Fd(::openat(at.get(), step.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      far += (i == 0 ? "" : "/") + step;
      know(far, What::kDirectory, at);
    }
    FUZZ_HOLDS(::symlinkat("..", at.get(), "up") == 0 && ::mkdirat(at.get(), "a", 0755) == 0);
    for (const auto& [name, what] : {std::pair("up", What::kLink), std::pair("a", What::kDirectory)}) {
      know(far + "/" + name, what, os::Fd(::openat(at.get(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC)));
    }
  }
  void know(const std::string& name, What what, const os::Fd& fd) {
    names[name] = what;
    inodes[name] = os::stat_held(fd.get())->stx_ino;
  }
};

// Written as plainly as can be.
bool is_valid(std::string_view path) {
  if (path.empty()) return true;
  if (path.size() > 8191) return false;
  std::string name;
  for (size_t i = 0; i <= path.size(); ++i) {
    if (i < path.size() && path[i] == '\0') return false;
    if (i < path.size() && path[i] != '/') {
      name += path[i];
      continue;
    }
    if (name.empty() || name == "." || name == ".." || name.size() > 255) return false;
    name.clear();
  }
  return true;
}

void check(const Tree& tree, std::string_view path) {
  FUZZ_HOLDS(core::valid_relative(path) == is_valid(path));
  FUZZ_HOLDS(core::valid_name(path) ==
             (is_valid(path) && !path.empty() && path.find('/') == std::string_view::npos));
  const auto opened = os::open_beneath(tree.root, path, O_PATH);
  if (opened.ok()) {
    const auto stat = os::stat_held(opened->get());
    FUZZ_HOLDS(stat.ok());
    // It is in the tree, whatever the spelling.
    bool known = stat->stx_ino == fuzz::inode_of("/tree");
    for (const auto& [name, inode] : tree.inodes) known = known || inode == stat->stx_ino;
    FUZZ_HOLDS(known);
  }
  if (!is_valid(path)) return;
  // Of valid ones the model knows all: the name itself, and through nothing but directories.
  const auto found = tree.names.find(path);
  if (!path.empty()) {
    FUZZ_HOLDS(opened.ok() == (found != tree.names.end() && found->second != What::kLink) ||
               (opened.ok() && found->second == What::kLink));
    if (opened.ok())
      FUZZ_HOLDS(os::stat_held(opened->get())->stx_ino == tree.inodes.find(path)->second);
  } else {
    FUZZ_HOLDS(opened.ok());
  }
  const auto content = os::open_beneath(tree.root, path, O_RDONLY);
  const bool can_open = path.empty() || (found != tree.names.end() && found->second != What::kLink);
  FUZZ_HOLDS(content.ok() == can_open);
  std::string_view rest = path;
  std::string joined;
  while (!rest.empty()) {
    const std::string_view name = core::pop_name(rest);
    FUZZ_HOLDS(core::valid_name(name));
    joined += (joined.empty() ? "" : "/") + std::string(name);
  }
  FUZZ_HOLDS(joined == path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Scratch* scratch = fuzz::Scratch::get();
  if (scratch == nullptr) return 0;
  scratch->run([&] {
    static const Tree tree;
    fuzz::Choices choices(data, size);
    std::string path;
    switch (choices.below(4)) {
      case 0:
        path = fuzz::text_of(choices.rest());
        break;
      case 1: {  // long ones, about the limits
        const size_t name = 240 + choices.below(20);
        for (size_t left = (choices.flag() ? 4080 : 8176) + choices.below(24); left > 0;) {
          const size_t take = std::min(left, name);
          path += std::string(take, 'x');
          left -= take;
          if (left > 0) path += '/', --left;
        }
        break;
      }
      case 2:  // below what is far down, or on the way there
        path = tree.far.substr(0, (kFarStep + 1) * choices.below(kFarSteps + 1));
        if (choices.flag() && !path.empty() && path.back() != '/') path += '/';
        [[fallthrough]];
      default:
        for (const size_t most = path.size() + 200; choices.more() && path.size() < most;) {
          path += choices.one_of(kWords);
          if (choices.byte() % 8 != 7) path += '/';
        }
        if (!path.empty() && (choices.flag() || path.ends_with('/'))) path.pop_back();
    }
    check(tree, path);
  });
  return 0;
}
