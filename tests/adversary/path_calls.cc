#include "path_calls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/quota.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <cerrno>
#include <cstring>

namespace sluice::adversary {
namespace {

char buffer[4096];

long closing(long fd) {
  if (fd >= 0) ::close(static_cast<int>(fd));
  return fd;
}

long with_socket(const char* path, int (*call)(int, const struct sockaddr*, socklen_t)) {
  // The path of a socket is short: from its directory.
  const char* slash = std::strrchr(path, '/');
  const int here = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  long result = ::chdir(std::string(path, slash).c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, slash + 1, sizeof(address.sun_path) - 1);
  if (result == 0) result = call(fd, reinterpret_cast<const struct sockaddr*>(&address), sizeof(address));
  const int error = errno;
  (void)!::fchdir(here);
  ::close(here);
  ::close(fd);
  errno = error;
  return result;
}

// All combinations; a flag that changes what the others mean is one of them too.
void add_opens(std::vector<PathCall>& calls) {
  struct Flag {
    int flag;
    const char* name;
  };
  constexpr Flag kFlags[] = {{O_CREAT, "CREAT"},   {O_EXCL, "EXCL"},         {O_TRUNC, "TRUNC"},
                             {O_APPEND, "APPEND"}, {O_DIRECTORY, "DIRECTORY"}, {O_NOFOLLOW, "NOFOLLOW"},
                             {O_PATH, "PATH"},     {O_DIRECT, "DIRECT"}};
  constexpr Flag kAccess[] = {{O_RDONLY, "O_RDONLY"}, {O_WRONLY, "O_WRONLY"}, {O_RDWR, "O_RDWR"}, {3, "3"}};
  for (const Flag& access : kAccess) {
    for (unsigned set = 0; set < 256; ++set) {
      int flags = access.flag | O_CLOEXEC | O_NONBLOCK;
      std::string name = std::string("open ") + access.name;
      for (unsigned i = 0; i < 8; ++i) {
        if ((set >> i & 1) == 0) continue;
        flags |= kFlags[i].flag;
        name += std::string("|") + kFlags[i].name;
      }
      calls.push_back({name, [flags](const char* path) { return closing(::open(path, flags, 0644)); },
                       (flags & O_CREAT) != 0});
    }
  }
  for (const int access : {O_WRONLY, O_RDWR}) {
    calls.push_back({"open O_TMPFILE", [access](const char* path) {
      return closing(::open(path, O_TMPFILE | access | O_CLOEXEC, 0600));
    }});
  }
}

void add_renames(std::vector<PathCall>& calls, const std::string& view) {
  for (const unsigned flags : {0u, 1u, 2u, 3u, 4u, 5u}) {
    for (const char* other : {"file", "dir", "none", "file-1.key", "none/none"}) {
      const std::string path = view + other;
      const std::string how = "renameat2 with flags " + std::to_string(flags);
      const auto rename = [flags](const char* from, const char* to) {
        return ::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
      };
      calls.push_back({how + " from, to " + other, [=](const char* it) { return rename(it, path.c_str()); }});
      calls.push_back({how + " to, from " + other, [=](const char* it) { return rename(path.c_str(), it); }, true});
    }
  }
}

}  // namespace

int PathCall::error_of(const char* path) const { return call(path) < 0 ? errno : 0; }

std::vector<PathCall> path_calls(const std::string& view) {
  static struct stat stat;
  static struct statx statx;
  static struct statfs statfs;
  static struct {
    struct file_handle handle;
    unsigned char bytes[MAX_HANDLE_SZ];
  } handle;
  static const std::string file = view + "file";
  using Path = const char*;
  std::vector<PathCall> calls = {
      {"stat", [](Path p) -> long { return ::stat(p, &stat); }},
      {"lstat", [](Path p) -> long { return ::lstat(p, &stat); }},
      {"statx", [](Path p) -> long { return ::statx(AT_FDCWD, p, AT_STATX_FORCE_SYNC, STATX_ALL, &statx); }},
      {"statx, nothing asked", [](Path p) -> long { return ::statx(AT_FDCWD, p, AT_STATX_DONT_SYNC, 0, &statx); }},
      {"readlink", [](Path p) -> long { return ::readlink(p, buffer, sizeof(buffer)); }},
      {"statfs", [](Path p) -> long { return ::statfs(p, &statfs); }},
      {"truncate", [](Path p) -> long { return ::truncate(p, 0); }},
      {"chmod", [](Path p) -> long { return ::chmod(p, 0777); }},
      {"fchmodat2 no follow", [](Path p) { return ::syscall(452, AT_FDCWD, p, 0777, AT_SYMLINK_NOFOLLOW); }},
      {"chown", [](Path p) -> long { return ::chown(p, ::geteuid(), ::getegid()); }},
      {"chown to another", [](Path p) -> long { return ::chown(p, 0, 0); }},
      {"lchown", [](Path p) -> long { return ::lchown(p, ::geteuid(), ::getegid()); }},
      {"utime", [](Path p) -> long { return ::utime(p, nullptr); }},
      {"utimes", [](Path p) -> long { return ::utimes(p, nullptr); }},
      {"utimensat", [](Path p) -> long { return ::utimensat(AT_FDCWD, p, nullptr, AT_SYMLINK_NOFOLLOW); }},
      {"unlink", [](Path p) -> long { return ::unlink(p); }},
      {"rmdir", [](Path p) -> long { return ::rmdir(p); }},
      {"chdir", [](Path p) -> long { return ::chdir(p); }},
      {"chroot", [](Path p) -> long { return ::chroot(p); }},
      {"execve", [](Path p) -> long { char* none[] = {nullptr}; return ::execve(p, none, none); }},
      {"uselib", [](Path p) { return ::syscall(SYS_uselib, p); }},
      {"mkdir", [](Path p) -> long { return ::mkdir(p, 0755); }, true},
      {"symlink", [](Path p) -> long { return ::symlink("file", p); }, true},
      {"link to", [](Path p) -> long { return ::link(file.c_str(), p); }, true},
      {"link from", [](Path p) -> long { return ::link(p, (file + "-none").c_str()); }},
      {"link from, over a file", [](Path p) -> long { return ::link(p, file.c_str()); }},
      {"linkat, following", [](Path p) -> long {
         return ::linkat(AT_FDCWD, p, AT_FDCWD, (file + "-none").c_str(), AT_SYMLINK_FOLLOW); }},
      {"inotify_add_watch", [](Path p) -> long {
         static const int watcher = ::inotify_init1(IN_CLOEXEC);
         return ::inotify_add_watch(watcher, p, IN_ALL_EVENTS); }},
      {"name_to_handle_at", [](Path p) -> long {
         int mount; handle.handle.handle_bytes = MAX_HANDLE_SZ;
         return ::name_to_handle_at(AT_FDCWD, p, &handle.handle, &mount, 0); }},
      {"name_to_handle_at, as a file's id", [](Path p) -> long {
         int mount; handle.handle.handle_bytes = MAX_HANDLE_SZ;
         return ::name_to_handle_at(AT_FDCWD, p, &handle.handle, &mount, 0x200); }},
      {"open_tree", [](Path p) { return closing(::syscall(SYS_open_tree, AT_FDCWD, p, 0x80000)); }},
      {"getxattr", [](Path p) -> long { return ::getxattr(p, "user.none", buffer, sizeof(buffer)); }},
      {"lgetxattr", [](Path p) -> long { return ::lgetxattr(p, "system.posix_acl_access", buffer, sizeof(buffer)); }},
      {"listxattr", [](Path p) -> long { return ::listxattr(p, buffer, sizeof(buffer)); }},
      {"llistxattr", [](Path p) -> long { return ::llistxattr(p, buffer, sizeof(buffer)); }},
      {"setxattr", [](Path p) -> long { return ::setxattr(p, "user.x", "x", 1, 0); }},
      {"lsetxattr trusted", [](Path p) -> long { return ::lsetxattr(p, "trusted.x", "x", 1, 0); }},
      {"removexattr", [](Path p) -> long { return ::removexattr(p, "user.none"); }},
      {"lremovexattr", [](Path p) -> long { return ::lremovexattr(p, "user.none"); }},
      {"mount on", [](Path p) -> long { return ::mount("none", p, "tmpfs", 0, nullptr); }},
      {"mount of", [](Path p) -> long { return ::mount(p, "/run", nullptr, MS_BIND, nullptr); }},
      {"umount", [](Path p) -> long { return ::umount2(p, UMOUNT_NOFOLLOW); }},
      {"swapon", [](Path p) -> long { return ::swapon(p, 0); }},
      {"acct", [](Path p) -> long { return ::acct(p); }},
      {"bind", [](Path p) { return with_socket(p, ::bind); }, true},
      {"connect", [](Path p) { return with_socket(p, ::connect); }},
  };
  for (const int mode : {F_OK, R_OK, W_OK, X_OK, R_OK | W_OK | X_OK}) {
    calls.push_back({"access " + std::to_string(mode), [mode](Path p) -> long { return ::access(p, mode); }});
    calls.push_back({"faccessat2 " + std::to_string(mode), [mode](Path p) {
      return ::syscall(SYS_faccessat2, AT_FDCWD, p, mode, AT_EACCESS | AT_SYMLINK_NOFOLLOW); }});
  }
  for (const mode_t type : {mode_t{0}, mode_t{S_IFREG}, mode_t{S_IFIFO}, mode_t{S_IFSOCK}, mode_t{S_IFCHR}, mode_t{S_IFBLK}}) {
    calls.push_back({"mknod " + std::to_string(type), [type](Path p) -> long { return ::mknod(p, type | 0644, 0); }, true});
  }
  // A path that goes on behind it, and one that ends in a slash.
  for (const char* behind : {"/", "/.", "/..", "/../file", "/x"}) {
    calls.push_back({std::string("stat with ") + behind + " behind", [behind](Path p) -> long {
      return ::stat((std::string(p) + behind).c_str(), &stat); }});
    calls.push_back({std::string("mkdir with ") + behind + " behind", [behind](Path p) -> long {
      return ::mkdir((std::string(p) + behind).c_str(), 0755); }, std::string(behind) == "/"});
    calls.push_back({std::string("open to create with ") + behind + " behind", [behind](Path p) {
      return closing(::open((std::string(p) + behind).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644)); },
                     std::string(behind) != "/../file"});
  }
  add_opens(calls);
  add_renames(calls, view);
  return calls;
}

std::vector<PathCall> privileged_path_calls() {
  using Path = const char*;
  return {
      {"mount on", [](Path p) -> long { return ::mount("none", p, "tmpfs", 0, nullptr); }},
      {"mount of", [](Path p) -> long { return ::mount(p, "/run", nullptr, MS_BIND, nullptr); }},
      {"mount, as a device", [](Path p) -> long { return ::mount(p, "/run", "ext4", 0, nullptr); }},
      {"move_mount from", [](Path p) { return ::syscall(SYS_move_mount, AT_FDCWD, p, AT_FDCWD, "/run", 0); }},
      {"move_mount to", [](Path p) { return ::syscall(SYS_move_mount, AT_FDCWD, "/run", AT_FDCWD, p, 0); }},
      {"open_tree, a clone", [](Path p) { return closing(::syscall(SYS_open_tree, AT_FDCWD, p, 0x80001)); }},
      {"mount_setattr", [](Path p) {
         const uint64_t attributes[4] = {};
         return ::syscall(SYS_mount_setattr, AT_FDCWD, p, 0, attributes, sizeof(attributes)); }},
      {"umount", [](Path p) -> long { return ::umount2(p, UMOUNT_NOFOLLOW); }},
      {"pivot_root", [](Path p) { return ::syscall(SYS_pivot_root, p, p); }},
      {"chroot", [](Path p) -> long { return ::chroot(p); }},
      {"swapon", [](Path p) -> long { return ::swapon(p, 0); }},
      {"swapoff", [](Path p) -> long { return ::swapoff(p); }},
      {"acct", [](Path p) -> long { return ::acct(p); }},
      {"quotactl", [](Path p) -> long { return ::quotactl(QCMD(Q_SYNC, USRQUOTA), p, 0, nullptr); }},
      {"fanotify_mark", [](Path p) -> long {
         static const int group = ::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);
         return ::fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, p); }},
      {"mknod, a device", [](Path p) -> long { return ::mknod(p, S_IFCHR | 0644, 0); }, true},
      {"getxattr trusted", [](Path p) -> long { return ::getxattr(p, "trusted.x", buffer, sizeof(buffer)); }},
      {"setxattr trusted", [](Path p) -> long { return ::setxattr(p, "trusted.x", "x", 1, 0); }},
      {"setxattr security", [](Path p) -> long { return ::setxattr(p, "security.x", "x", 1, 0); }},
      {"chown", [](Path p) -> long { return ::chown(p, 1, 1); }},
  };
}

}  // namespace sluice::adversary
