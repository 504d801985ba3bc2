#include "tests/integration/model/hidden_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/listing.h"
#include "tests/integration/model/options.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

// All paths below a directory.
void list_tree(const std::string& top, const std::string& path, std::set<std::string>& found) {
  const int fd = ::open((top + "/" + path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = 0;
  for (std::vector<Listed> some; !(some = list_some(fd, 4096, &error)).empty();) {
    for (const Listed& entry : some) {
      if (entry.name == "." || entry.name == "..") continue;
      const bool directory = entry.type == DT_DIR;
      found.insert(path + entry.name + (directory ? "/" : ""));
      if (directory) list_tree(top, path + entry.name + "/", found);
    }
  }
  expect(fd >= 0 && error == 0, "list " + path);
  ::close(fd);
}

int bind_socket(const std::string& path) {
  const size_t slash = path.rfind('/');
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1, slash + 1);
  if (::chdir(path.substr(0, slash).c_str()) < 0) return -1;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int result = ::bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof(address));
  const int error = errno;
  ::close(fd);
  errno = error;
  return ::chdir("/") < 0 ? -1 : result;
}

}  // namespace

std::vector<std::string> hiding_options() {
  return {
      "--hide", ".env",           "--hide", "*.key",
      "--hide", "!public.key",    "--hide", "/secrets/",
      "--hide", "!secrets/a",     "--hide", "**/private/*",
      "--hide", "log[0-9].txt",   "--hide", "[[:upper:]][!a-z]?",
      "--hide", "build/",         "--hide", "/vault/**",
      "--hide", "!/vault/open",   "--hide", "/dir/**/deep.txt",
      "--hide", "/only/here.txt",
  };
}

bool is_directory(const std::string& path) { return path.ends_with('/'); }
std::string bare(std::string path) {
  if (is_directory(path)) path.pop_back();
  return path;
}

void make_hidden_tree(const std::string& top) {
  const auto make = [&](const std::string& path) {
    const std::string whole = top + "/" + bare(path);
    const bool made = is_directory(path) ? ::mkdir(whole.c_str(), 0755) == 0
                                         : write_file(whole, O_EXCL, "this is " + path);
    expect_done(made, path);
  };
  for (const char* path : kVisible) make(path);
  for (const char* path : kHidden) make(path);
  for (const char* path : kBelow) make(path);
  expect(::link((top + "/.env").c_str(), (top + "/alias").c_str()) == 0, "link behind");
}

void expect_error(int result, int error, const std::string& what) {
  const int is = result < 0 ? errno : 0;
  expect(is == error, what + ": is " + (is == 0 ? "done" : ::strerrorname_np(is)) + ", should be " +
                          ::strerrorname_np(error));
}

int open_and_close(int fd) {
  if (fd >= 0) ::close(fd);
  return fd;
}

void expect_visible(const std::string& view) {
  std::set<std::string> expected(std::begin(kVisible), std::end(kVisible)), listed;
  expected.insert("alias");
  list_tree(view, "", listed);
  for (const std::string& path : listed) expect(expected.contains(path), path + " is listed");
  for (const std::string& path : expected) {
    expect(listed.contains(path), path + " is not listed");
    if (is_directory(path) || path == "alias") continue;
    expect(read_file(view + "/" + path) == "this is " + path, path + " cannot be read");
  }
}

void expect_absent(const std::string& view, const std::string& path) {
  const std::string whole = view + "/" + path, visible = view + "/file", below = whole + "/x";
  const char* name = whole.c_str();
  struct stat stat;
  struct statx statx;
  char buffer[256];
  struct {
    struct file_handle handle;
    unsigned char bytes[MAX_HANDLE_SZ];
  } handle{};
  handle.handle.handle_bytes = MAX_HANDLE_SZ;
  int mount;
  const auto absent = [&](int result, const char* call) {
    expect_error(result, ENOENT, std::string(call) + " " + path);
  };
  absent(::stat(name, &stat), "stat");
  absent(::lstat(name, &stat), "lstat");
  absent(::statx(AT_FDCWD, name, AT_STATX_FORCE_SYNC, STATX_ALL, &statx), "statx");
  absent(::access(name, F_OK), "access");
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR | O_TRUNC, O_PATH, O_RDONLY | O_DIRECTORY}) {
    absent(open_and_close(::open(name, flags | O_CLOEXEC)), "open");
  }
  absent(::truncate(name, 0), "truncate");
  absent(::chmod(name, 0777), "chmod");
  absent(::lchown(name, kUser, kUser), "chown");
  absent(::utimensat(AT_FDCWD, name, nullptr, 0), "utimensat");
  absent(static_cast<int>(::readlink(name, buffer, sizeof(buffer))), "readlink");
  absent(static_cast<int>(::listxattr(name, buffer, sizeof(buffer))), "listxattr");
  absent(::setxattr(name, "user.x", "x", 1, 0), "setxattr");
  absent(::unlink(name), "unlink");
  absent(::rmdir(name), "rmdir");
  absent(::chdir(name), "chdir");
  absent(::mkdir(below.c_str(), 0755), "mkdir below");
  absent(::rename(name, (view + "/mine").c_str()), "rename from");
  absent(::rename(name, visible.c_str()), "rename over a file from");
  absent(::link(name, (view + "/mine").c_str()), "link from");
  absent(::renameat2(AT_FDCWD, name, AT_FDCWD, visible.c_str(), RENAME_EXCHANGE), "exchange from");
  absent(::renameat2(AT_FDCWD, visible.c_str(), AT_FDCWD, name, RENAME_EXCHANGE), "exchange with");
  absent(::name_to_handle_at(AT_FDCWD, name, &handle.handle, &mount, 0), "name_to_handle_at");
  const int watcher = ::inotify_init1(IN_CLOEXEC);
  absent(::inotify_add_watch(watcher, name, IN_ALL_EVENTS), "inotify_add_watch");
  ::close(watcher);
  const std::string directory = view + "/dir";
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::string by_fd = "/proc/self/fd/" + std::to_string(fd) + "/../" + path;
  absent(::stat(by_fd.c_str(), &stat), "stat by /proc");
  absent(::fstatat(fd, ("./../dir/../" + path).c_str(), &stat, 0), "stat by ..");
  absent(::fstatat(fd, ("../" + path + "/../file").c_str(), &stat, 0), "stat through");
  ::close(fd);
}

void expect_not_made(const std::string& view, const std::string& path, bool directory) {
  const std::string whole = view + "/" + path, file = view + "/file", empty = view + "/empty";
  const char* name = whole.c_str();
  const auto refused = [&](int result, const char* call) {
    expect_error(result, EACCES, std::string(call) + " " + path);
  };
  const auto rename = [&](const std::string& from, unsigned flags) {
    return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, name, flags);
  };
  if (directory) {
    refused(::mkdir(name, 0755), "mkdir");
    refused(rename(empty, 0), "rename a directory to");
    refused(rename(empty, RENAME_NOREPLACE), "rename a directory, without replacing, to");
    return;
  }
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR | O_EXCL, O_WRONLY | O_TRUNC}) {
    refused(open_and_close(::open(name, flags | O_CREAT | O_CLOEXEC, 0644)), "create");
  }
  refused(::mknod(name, S_IFIFO | 0644, 0), "mkfifo");
  refused(::mknod(name, S_IFREG | 0644, 0), "mknod");
  refused(::symlink("file", name), "symlink");
  refused(bind_socket(whole), "bind");
  refused(::link(file.c_str(), name), "link");
  refused(rename(file, 0), "rename to");
  refused(rename(file, RENAME_NOREPLACE), "rename, without replacing, to");
  if (::geteuid() == 0) return;  // a view that keeps every owner has no nameless files
  const int nameless = ::open(view.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
  const std::string by_fd = "/proc/self/fd/" + std::to_string(nameless);
  expect_done(nameless >= 0, "O_TMPFILE");
  refused(::linkat(AT_FDCWD, by_fd.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW),
          "link of a nameless file");
  ::close(nameless);
}

}  // namespace sluice::model
