#include "tests/integration/model/small_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {

void make_small_tree(const std::string& at) {
  bool made = ::mkdir(at.c_str(), 0755) == 0 && ::mkdir((at + "/d").c_str(), 0755) == 0 &&
              ::mkdir((at + "/e").c_str(), 0755) == 0 && ::symlink("a", (at + "/s").c_str()) == 0;
  for (const char* name : {"/a", "/b", "/d/f", "/e/f"}) {
    made = made && write_file(at + name, O_EXCL, std::string("this is ") + name);
  }
  expect_done(made, at);
}

std::string look(const std::string& at) {
  std::string seen;
  for (const char* name : {"", "/a", "/b", "/new", "/d", "/d/f", "/e/f", "/s"}) {
    const std::string path = at + name;
    struct stat stat;
    if (::lstat(path.c_str(), &stat) < 0) {
      seen += std::string(name) + " " + error_name() + "\n";
      continue;
    }
    char words[240];
    std::snprintf(words, sizeof(words), "%s %lu 0%o %lu %u:%u %ld %ld.%ld %ld.%ld", name,
                  stat.st_ino, stat.st_mode, stat.st_nlink, stat.st_uid, stat.st_gid, stat.st_size,
                  stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec, stat.st_ctim.tv_sec,
                  stat.st_ctim.tv_nsec);
    seen += words;
    char target[64];
    const ssize_t length = ::readlink(path.c_str(), target, sizeof(target));
    if (length > 0) seen += " -> " + std::string(target, static_cast<size_t>(length));
    seen += "\n";
  }
  return seen;
}

bool rename_with(const std::string& from, const std::string& to, unsigned flags) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0;
}

}  // namespace sluice::model
