// A program that wants out: what `sluice run --only` leaves it. Each line of its output is a way and
// "reached" or "denied".
//   intruder ways SECRET DIRECTORY PID SOCKET ABSTRACT [TERMINAL]
//     SECRET: a file; DIRECTORY: that it is in; PID: a process outside that has both open and is in
//     there; SOCKET, ABSTRACT: names of sockets that somebody listens on
//   intruder listen SOCKET ABSTRACT SECRET      prints "ready" and is such a process
//   intruder copies-mount DIRECTORY FILE        0: it reached FILE by a copy of DIRECTORY's mount
//   intruder without-landlock COMMAND...        runs it as on a kernel that has none
//   intruder with-key COMMAND...                runs it with a key in its session's keyring
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr char kKeyType[] = "user";
constexpr char kKeyName[] = "sluice-intruder";
char g_remembered[] = "memory of the process outside";

void Say(const char* way, bool reached) {
  std::printf("%s %s\n", way, reached ? "reached" : "denied");
  std::fflush(stdout);
}

bool Opens(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  char byte;
  const bool reached = fd >= 0 && ::read(fd, &byte, 1) == 1;
  ::close(fd);
  return reached;
}

bool Connects(const char* name, bool abstract) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(name);
  std::memcpy(address.sun_path + (abstract ? 1 : 0), name, length);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const bool reached = ::connect(fd, reinterpret_cast<struct sockaddr*>(&address),
                                 static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + length +
                                                        (abstract ? 1 : 0))) == 0;
  ::close(fd);
  return reached;
}

int Listener(const char* name, bool abstract) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(name);
  std::memcpy(address.sun_path + (abstract ? 1 : 0), name, length);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (::bind(fd, reinterpret_cast<struct sockaddr*>(&address),
             static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + length + (abstract ? 1 : 0))) < 0 ||
      ::listen(fd, 8) < 0) {
    std::perror("listen");
    std::exit(1);
  }
  return fd;
}

bool ByDescriptor(const char* secret_name) {
  bool reached = false;
  for (int fd = 3; fd < 256; ++fd) {
    const int secret = ::openat(fd, secret_name, O_RDONLY);
    char byte;
    reached = reached || secret >= 0 || ::pread(fd, &byte, 1, 0) == 1;
    ::close(secret);
  }
  return reached;
}

bool Traces(pid_t pid) {
  const bool reached = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0;
  if (reached) ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  return reached;
}

// The same program: its memory lies at the same place if addresses are not chosen at random, else the
// first byte of its environment's mapping does for a try; what counts is EPERM or not.
bool ReadsMemory(pid_t pid) {
  char byte;
  struct iovec mine = {&byte, 1}, theirs = {g_remembered, 1};
  const ssize_t got = ::process_vm_readv(pid, &mine, 1, &theirs, 1, 0);
  return got == 1 || errno == EFAULT;
}

bool TakesDescriptor(pid_t pid) {
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  bool reached = false;
  for (int number = 0; number < 16 && process >= 0; ++number) {
    const long fd = ::syscall(SYS_pidfd_getfd, process, number, 0);
    reached = reached || fd >= 0;
    if (fd >= 0) ::close(static_cast<int>(fd));
  }
  return reached;
}

// In a child, which loses what it tries with.
template <typename Body>
bool InChild(const Body& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body() ? 0 : 1);
  int status = 1;
  ::waitpid(pid, &status, 0);
  return status == 0;
}

bool UnmountsAll(const std::string& secret) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return false;
  while (::umount2(".", MNT_DETACH) == 0 || ::umount2("/", MNT_DETACH) == 0) {
  }
  return Opens(secret);
}
bool MountsAnything() {
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0;
}

// A copy of a mount without what is mounted on it, which is the source without its view.
bool CopiesMount(const std::string& directory, const std::string& path) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return false;
  constexpr unsigned kClone = 1;  // OPEN_TREE_CLONE
  const int tree = static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, directory.c_str(), kClone));
  return tree >= 0 && ::openat(tree, path.c_str(), O_RDONLY) >= 0;
}

bool FindsKey() {
  return ::syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, kKeyType, kKeyName, 0) >= 0;
}

int WithoutLandlock(char** words) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog filter = {4, program};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0) {
    std::perror("seccomp");
    return 1;
  }
  ::execvp(words[0], words);
  return 127;
}

int Ways(char** words, int count) {
  const std::string secret = words[0], directory = words[1];
  const pid_t pid = std::atoi(words[2]);
  const std::string process = std::string("/proc/") + words[2];
  const std::string name = secret.substr(secret.rfind('/') + 1);
  struct stat stat;
  Say("absolute", Opens(secret));
  Say("name", ::stat(secret.c_str(), &stat) == 0);
  Say("dots", Opens("../../../../../../../../../../.." + secret) || Opens("../" + name));
  Say("self-root", Opens("/proc/self/root" + secret));
  Say("self-cwd", Opens("/proc/self/cwd/../../../../../../../../.." + secret));
  Say("process-root", Opens(process + "/root" + secret));
  Say("process-cwd", Opens(process + "/cwd/" + name));
  bool by_fd = false;
  for (int fd = 0; fd < 16; ++fd) {
    by_fd = by_fd || Opens(process + "/fd/" + std::to_string(fd) + "/" + name);
  }
  Say("process-fd", by_fd);
  Say("process-environ", Opens(process + "/environ"));
  const std::string parent = "/proc/" + std::to_string(::getppid());
  Say("parent-root", Opens(parent + "/root" + secret));
  Say("descriptor", ByDescriptor(name.c_str()));
  Say("socket", Connects(words[3], false));
  Say("abstract-socket", Connects(words[4], true));
  Say("ptrace", Traces(pid));
  Say("memory", ReadsMemory(pid));
  Say("pidfd", TakesDescriptor(pid));
  Say("signal", ::kill(pid, 0) == 0);
  Say("signal-to-parent", ::kill(::getppid(), 0) == 0);
  Say("key", FindsKey());
  Say("mount", InChild([] { return MountsAnything(); }));
  Say("unmount", InChild([&] { return UnmountsAll(secret); }));
  if (count > 5) {
    const char line_end = ' ';
    Say("typing", ::ioctl(STDIN_FILENO, TIOCSTI, &line_end) == 0);
    // The kernel looks at the lower half of the request alone.
    Say("typing-2", ::syscall(SYS_ioctl, STDIN_FILENO, 0x100000000ul | TIOCSTI, &line_end) == 0);
    char subcode = 2;
    Say("pasting", ::ioctl(STDIN_FILENO, TIOCLINUX, &subcode) == 0);
  }
  return 0;
}

int Listen(char** words) {
  (void)Listener(words[0], false);
  (void)Listener(words[1], true);
  if (::open(words[2], O_RDONLY) < 0 || ::open(".", O_RDONLY | O_DIRECTORY) < 0) return 1;
  std::printf("ready\n");
  std::fflush(stdout);
  ::pause();
  return 0;
}

int WithKey(char** words) {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 ||
      ::syscall(SYS_add_key, kKeyType, kKeyName, "x", 1, KEY_SPEC_SESSION_KEYRING) < 0) {
    std::perror("key");
    return 1;
  }
  ::execvp(words[0], words);
  return 127;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "ways" && argc >= 7) return Ways(argv + 2, argc - 2);
  if (what == "listen" && argc == 5) return Listen(argv + 2);
  if (what == "with-key" && argc > 2) return WithKey(argv + 2);
  if (what == "without-landlock" && argc > 2) return WithoutLandlock(argv + 2);
  if (what == "copies-mount" && argc == 4) return CopiesMount(argv[2], argv[3]) ? 0 : 1;
  return 2;
}
