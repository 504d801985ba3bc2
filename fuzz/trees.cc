#include "fuzz/trees.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <variant>

#include "core/compiler.h"
#include "fuzz/scratch.h"
#include "fuzz/target.h"

namespace sluice::fuzz {

core::Rules tree_rules() {
  using core::Effect;
  static const std::array<core::WrittenRule, 9> kWritten = {{
      {".env", {Effect::kHide}},
      {"*.key", {Effect::kHide}},
      {"keys/", {Effect::kHide}},
      {"/denied", {Effect::kDeny, false, EPERM}},
      {"/fixed", {Effect::kReadOnly}},
      {"/masked", {Effect::kMask}},
      {"/window", {Effect::kWindow, false, 2, 4}},
      {"/few/", {Effect::kMostNames, false, 2}},
      {"owned", {Effect::kOwner, false, 7}},
  }};
  const auto result = core::compile(kWritten);
  FUZZ_HOLDS(std::holds_alternative<core::Rules>(result));
  return std::get<core::Rules>(result);
}

const std::vector<std::string>& HostileTree::paths() {
  static const std::vector<std::string> kPaths = {
      "a",        "b",         "dir",       "dir/c",     "dir/.env", ".env",  "x.key", "keys",
      "keys/one", "denied",    "fixed",     "masked",    "window",   "few",   "few/1", "few/2",
      "owned",    "link",      "out",       "out/other", "up",       "fifo",  "new",   "dir/new",
      "dir/sub",  "dir/sub/d", "dir/x.key", "missing/x", "",         "new/e",
  };
  return kPaths;
}

HostileTree::HostileTree() {
  make_empty("/tree");
  make_empty("/outside");
  const auto add = [](const char* path, std::string_view text) {
    write_file(std::string("/") + path, text);
  };
  for (const char* directory :
       {"/tree/dir", "/tree/dir/sub", "/tree/keys", "/tree/few", "/tree/denied"}) {
    FUZZ_HOLDS(::mkdir(directory, 0755) == 0);
  }
  for (const char* file : {"tree/a", "tree/b", "tree/dir/c", "tree/dir/sub/d", "tree/masked",
                           "tree/window", "tree/owned", "tree/denied/f"}) {
    add(file, "contents of a file");
  }
  const char* const kSecrets[] = {"tree/.env",     "tree/x.key",     "tree/keys/one",
                                  "tree/dir/.env", "tree/dir/x.key", "outside/other"};
  for (const char* path : kSecrets) {
    const std::string name = std::string("/") + path;
    add(path, "secret of " + name);
    secrets_.push_back(secret(name));
  }
  add("tree/fixed", "fixed");
  for (const char* path : {"/tree/fixed", "/tree/masked", "/tree/window", "/tree/denied/f"}) {
    readable_.push_back(secret(path));
  }
  FUZZ_HOLDS(::symlink("a", "/tree/link") == 0 && ::symlink("/outside", "/tree/out") == 0);
  FUZZ_HOLDS(::symlink("..", "/tree/up") == 0 && ::mkfifo("/tree/fifo", 0600) == 0);
  root_.reset(::open("/tree", O_PATH | O_DIRECTORY | O_CLOEXEC));
  FUZZ_HOLDS(root_);
}

bool HostileTree::is_secret(unsigned long inode) const {
  for (const Secret& secret : secrets_) {
    if (secret.inode == inode) return true;
  }
  return false;
}

HostileTree::Secret HostileTree::secret(const std::string& path) {
  const size_t slash = path.rfind('/');
  Secret made{os::Fd(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
              path.substr(slash + 1), read_file(path), inode_of(path)};
  FUZZ_HOLDS(made.directory);
  return made;
}

bool HostileTree::is_as_it_was(const Secret& secret) {
  struct stat stat;
  if (::fstatat(secret.directory.get(), secret.name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) != 0)
    return false;
  const os::Fd file(::openat(secret.directory.get(), secret.name.c_str(),
                             O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  char text[256];
  const ssize_t length = ::read(file.get(), text, sizeof(text));
  return stat.st_ino == secret.inode && length >= 0 &&
         std::string_view(text, static_cast<size_t>(length)) == secret.text;
}

void HostileTree::check() const {
  for (const Secret& secret : secrets_) FUZZ_HOLDS(is_as_it_was(secret));
  for (const Secret& each : readable_) FUZZ_HOLDS(is_as_it_was(each));
}

}  // namespace sluice::fuzz
