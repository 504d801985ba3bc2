#include "tests/integration/model/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "tests/integration/model/attributes.h"
#include "tests/integration/model/listing.h"
#include "tests/integration/model/outcome.h"

namespace sluice::model {
namespace {

constexpr size_t kMostDifferences = 12;

std::string error_in_words() { return std::string(" ") + ::strerrorname_np(errno); }

std::string content(int directory, const char* name) {
  const int fd = ::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return error_in_words();
  std::string all;
  std::vector<char> buffer(1 << 18);
  ssize_t got;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0) {
    all.append(buffer.data(), static_cast<size_t>(got));
  }
  const std::string out =
      got < 0 ? error_in_words() : " " + std::to_string(all.size()) + " bytes " + hex_hash(all);
  ::close(fd);
  return out;
}

void walk(int directory, const std::string& path, const std::string& shown, Tree& tree);

void add(int directory, const std::string& name, const std::string& path, const std::string& shown,
         Tree& tree) {
  struct stat stat;
  if (::fstatat(directory, name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) < 0) {
    tree[shown] = error_in_words();
    return;
  }
  std::string words = in_words(stat) + attributes_in_words(path.c_str());
  if (S_ISREG(stat.st_mode)) words += content(directory, name.c_str());
  if (S_ISLNK(stat.st_mode)) {
    char target[4200];
    const ssize_t length = ::readlinkat(directory, name.c_str(), target, sizeof(target));
    words +=
        length < 0 ? error_in_words() : " -> " + escaped({target, static_cast<size_t>(length)});
  }
  if (S_ISDIR(stat.st_mode)) {
    const int fd =
        ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) words += error_in_words();
    if (fd >= 0) walk(fd, path, shown, tree);
  }
  tree[shown] = words;
}

// Consumes the descriptor.
void walk(int directory, const std::string& path, const std::string& shown, Tree& tree) {
  for (;;) {
    int error;
    const auto entries = list_some(directory, 32768, &error);
    if (error != 0) tree[shown + "/?"] = std::to_string(error);
    if (entries.empty()) break;
    for (const Listed& entry : entries) {
      if (entry.name == "." || entry.name == "..") continue;
      add(directory, entry.name, path + "/" + entry.name, shown + "/" + escaped(entry.name), tree);
    }
  }
  ::close(directory);
}

}  // namespace

Tree tree_of(const std::string& path) {
  Tree tree;
  add(AT_FDCWD, path, path, ".", tree);
  return tree;
}

std::string differences(const Tree& a, const Tree& b, const char* a_name, const char* b_name) {
  std::string out;
  size_t count = 0;
  const auto note = [&](const std::string& path, const std::string& in_a, const std::string& in_b) {
    if (++count > kMostDifferences) return;
    out += "  " + path + "\n    " + a_name + ": " + in_a + "\n    " + b_name + ": " + in_b + "\n";
  };
  for (const auto& [path, words] : a) {
    const auto found = b.find(path);
    if (found == b.end()) {
      note(path, words, "absent");
    } else if (found->second != words) {
      note(path, words, found->second);
    }
  }
  for (const auto& [path, words] : b) {
    if (!a.contains(path)) note(path, "absent", words);
  }
  if (count > kMostDifferences)
    out += "  and " + std::to_string(count - kMostDifferences) + " more\n";
  return out;
}

}  // namespace sluice::model
