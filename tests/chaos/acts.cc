#include "tests/chaos/acts.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/small_tree.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

std::string said(long result) { return result < 0 ? error_name() : std::to_string(result); }

struct Descriptor {
  int fd;
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

constexpr int kInRow = 9;
std::string in_row(const std::string& at, int i) { return at + "/row/" + std::to_string(i); }

int open_at(const std::string& path, int flags, mode_t mode = 0600) {
  return ::open(path.c_str(), flags | O_CLOEXEC, mode);
}

std::string write_and_read(int fd, const std::string& text) {
  if (fd < 0) return error_name();
  const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
  struct stat stat {};
  if (written < 0 || ::fsync(fd) < 0 || ::fstat(fd, &stat) < 0) return error_name();
  return std::to_string(stat.st_size) + " " + std::to_string(stat.st_nlink);
}

const Act kActs[] = {
    {"mkdir", [](const std::string& at) { return said(::mkdir((at + "/new").c_str(), 0750)); }},
    {"mkdir of what is there", [](const std::string& at) { return said(::mkdir((at + "/sub").c_str(), 0750)); }},
    {"mknod", [](const std::string& at) { return said(::mknod((at + "/new").c_str(), S_IFREG | 0640, 0)); }},
    {"whiteout", [](const std::string& at) { return said(::mknod((at + "/new").c_str(), S_IFCHR | 0640, 0)); }},
    {"mkfifo", [](const std::string& at) { return said(::mkfifo((at + "/new").c_str(), 0640)); }},
    {"symlink", [](const std::string& at) { return said(::symlink("a", (at + "/new").c_str())); }},
    {"link", [](const std::string& at) { return said(::link((at + "/a").c_str(), (at + "/new").c_str())); }},
    {"link onto what is there",
     [](const std::string& at) { return said(::link((at + "/a").c_str(), (at + "/b").c_str())); }},
    {"create", [](const std::string& at) {
       const Descriptor file(open_at(at + "/new", O_CREAT | O_EXCL | O_RDWR, 0640));
       return write_and_read(file.fd, "new");
     }},
    {"create, for nobody", [](const std::string& at) {
       const Descriptor file(open_at(at + "/new", O_CREAT | O_EXCL | O_RDWR, 0));
       return write_and_read(file.fd, "new");
     }, true},
    {"create, without O_EXCL", [](const std::string& at) {
       const Descriptor file(open_at(at + "/new", O_CREAT | O_TRUNC | O_RDWR, 0400));
       return write_and_read(file.fd, "new");
     }, true},
    {"unlink", [](const std::string& at) { return said(::unlink((at + "/a").c_str())); }},
    {"rmdir", [](const std::string& at) { return said(::rmdir((at + "/sub").c_str())); }},
    {"rename", [](const std::string& at) { return said(::rename((at + "/a").c_str(), (at + "/new").c_str())); }},
    {"rename onto a file", [](const std::string& at) { return said(::rename((at + "/a").c_str(), (at + "/b").c_str())); }},
    {"rename of a directory",
     [](const std::string& at) { return said(::rename((at + "/sub").c_str(), (at + "/new").c_str())); }},
    {"rename of a directory in which a file is open", [](const std::string& at) {
       const Descriptor file(open_at(at + "/sub/open", O_CREAT | O_RDWR));
       if (file.fd < 0 || ::rename((at + "/sub").c_str(), (at + "/new").c_str()) < 0) return error_name();
       return said(::fgetxattr(file.fd, "user.none", nullptr, 0)) + said(::fsetxattr(file.fd, "user.new", "v", 1, 0));
     }, true},
    {"rename, no replacement",
     [](const std::string& at) { return said(rename_with(at + "/a", at + "/new", RENAME_NOREPLACE) ? 0 : -1); }},
    {"exchange", [](const std::string& at) { return said(rename_with(at + "/a", at + "/b", RENAME_EXCHANGE) ? 0 : -1); }},
    {"setxattr, new", [](const std::string& at) {
       return said(::setxattr((at + "/b").c_str(), "user.new", "v", 1, XATTR_CREATE));
     }},
    {"setxattr, new, there", [](const std::string& at) {
       return said(::setxattr((at + "/a").c_str(), "user.old", "v", 1, XATTR_CREATE));
     }},
    {"setxattr, in place", [](const std::string& at) {
       return said(::setxattr((at + "/a").c_str(), "user.old", "v", 1, XATTR_REPLACE));
     }},
    {"removexattr", [](const std::string& at) { return said(::removexattr((at + "/a").c_str(), "user.old")); }},
    {"chmod", [](const std::string& at) { return said(::chmod((at + "/a").c_str(), 0604)); }},
    {"truncate", [](const std::string& at) { return said(::truncate((at + "/a").c_str(), 1)); }},
    {"open and empty", [](const std::string& at) {
       const Descriptor file(open_at(at + "/a", O_RDWR | O_TRUNC));
       return write_and_read(file.fd, "1");
     }},
    {"open twice, write, close one", [](const std::string& at) {
       const Descriptor first(open_at(at + "/a", O_RDWR));
       {
         const Descriptor second(open_at(at + "/a", O_WRONLY));
         if (second.fd < 0 || ::pwrite(second.fd, "12", 2, 0) != 2) return error_name();
       }
       return write_and_read(first.fd, "3");
     }},
    {"open and unlink", [](const std::string& at) {
       const Descriptor file(open_at(at + "/a", O_RDWR));
       if (file.fd < 0 || ::unlink((at + "/a").c_str()) < 0) return error_name();
       if (::ftruncate(file.fd, 2) < 0 || ::fchmod(file.fd, 0640) < 0) return error_name();
       return write_and_read(file.fd, "unlinked");
     }, true},
    {"a nameless file", [](const std::string& at) {
       const Descriptor file(open_at(at, O_TMPFILE | O_RDWR, 0640));
       const std::string result = write_and_read(file.fd, "nameless");
       const std::string path = "/proc/self/fd/" + std::to_string(file.fd);
       return result + " " + said(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, (at + "/new").c_str(), AT_SYMLINK_FOLLOW));
     }, true},
    // In the order in which they were made: those that are opened next are granted ahead.
    {"open one after the other", [](const std::string& at) {
       std::string result;
       for (int i = 0; i < 5; ++i) {
         const Descriptor file(open_at(in_row(at, i), O_RDONLY));
         char byte;
         result += file.fd < 0 ? error_name() : said(::read(file.fd, &byte, 1));
       }
       result += said(::rename(in_row(at, 5).c_str(), (at + "/new").c_str()));
       const Descriptor emptied(open_at(in_row(at, 6), O_RDWR | O_TRUNC));
       result += write_and_read(emptied.fd, "6");
       result += said(::unlink(in_row(at, 7).c_str()));
       const Descriptor last(open_at(in_row(at, 8), O_RDWR));
       return result + write_and_read(last.fd, "8");
     }},
    // Of others, which are granted by another channel: that the answers to what was asked ahead are none to what follows.
    {"open what others own, and be refused", [](const std::string& at) {
       std::string result;
       for (int i = 0; i < 5; ++i) {
         const Descriptor file(open_at(at + "/../../others/" + std::to_string(i), O_RDONLY));
         char byte;
         result += file.fd < 0 ? error_name() : said(::read(file.fd, &byte, 1));
       }
       return result + said(::rmdir((at + "/row").c_str()));
     }},
    // Of ext4, where who begins at the end finds nothing at the beginning. By the second handle, for which the kernel asks.
    {"list to the end, and anew", [](const std::string& at) {
       const Descriptor first(open_at(at + "/row", O_RDONLY | O_DIRECTORY));
       DIR* const open = ::opendir((at + "/row").c_str());
       if (open == nullptr) return error_name();
       while (::readdir(open) != nullptr) {
       }
       std::string result = said(::mkdir((at + "/new").c_str(), 0700));
       if (::readdir(open) != nullptr) result += " more";
       ::rewinddir(open);
       int names = 0;
       while (::readdir(open) != nullptr) ++names;
       ::closedir(open);
       return result + " " + said(names);
     }},
    {"list and remove", [](const std::string& at) {
       DIR* directory = ::opendir(at.c_str());
       if (directory == nullptr) return error_name();
       std::vector<std::string> names;
       for (const dirent* entry; (entry = ::readdir(directory)) != nullptr;) {
         names.emplace_back(entry->d_name);
         if (names.back() == "b") ::unlink((at + "/b").c_str());
       }
       ::closedir(directory);
       return std::to_string(names.size());
     }},
};

// By root, in a view that makes device nodes: the broker has made one, or has not, when the worker dies.
const Act kDeviceActs[] = {
    {"a character device", [](const std::string& at) {
       return said(::mknod((at + "/new").c_str(), S_IFCHR | 0640, makedev(1, 3)));
     }},
    {"a block device", [](const std::string& at) {
       return said(::mknod((at + "/new").c_str(), S_IFBLK | 0604, makedev(7, 300)));
     }},
    {"a device where something is",
     [](const std::string& at) { return said(::mknod((at + "/a").c_str(), S_IFCHR | 0640, makedev(1, 3))); }},
    {"a device that is moved, linked and removed", [](const std::string& at) {
       const std::string made = at + "/new", moved = at + "/moved", linked = at + "/linked";
       if (::mknod(made.c_str(), S_IFCHR | 0640, makedev(1, 5)) < 0 || ::rename(made.c_str(), moved.c_str()) < 0) return error_name();
       if (::link(moved.c_str(), linked.c_str()) < 0 || ::chmod(linked.c_str(), 0600) < 0) return error_name();
       return said(::unlink(moved.c_str()));
     }},
};

}  // namespace

std::span<const Act> acts() { return kActs; }

std::span<const Act> device_acts() { return kDeviceActs; }

void make_others(const std::string& in) {
  const std::string at = in + "/others";
  expect(::mkdir(at.c_str(), 0755) == 0, at);
  for (int i = 0; i < kInRow; ++i) expect(write_file(at + "/" + std::to_string(i), O_EXCL, "others'"), at);
}

bool prepare(const std::string& at) {
  bool row = ::mkdir(at.c_str(), 0755) == 0 && ::mkdir((at + "/row").c_str(), 0755) == 0;
  for (int i = 0; i < kInRow; ++i) {
    row = row && ::mknod(in_row(at, i).c_str(), S_IFREG | 0640, 0) == 0 && ::truncate(in_row(at, i).c_str(), 5) == 0;
  }
  return row && ::mkdir((at + "/sub").c_str(), 0700) == 0 &&
         write_file(at + "/a", O_EXCL, "of a") && write_file(at + "/b", O_EXCL, "of b") &&
         ::setxattr((at + "/a").c_str(), "user.old", "old", 3, 0) == 0;
}

}  // namespace sluice::model
