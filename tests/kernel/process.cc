#include "process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

#include "contained.h"

namespace kerneltest {
namespace {

constexpr char kReadyName[] = "ready";  // what a child that is ready calls itself

void SetCapabilities(const std::vector<int>& caps) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (const int cap : caps) {
    data[cap / 32].permitted |= 1U << (cap % 32);
    data[cap / 32].effective |= 1U << (cap % 32);
  }
  Must(Sys(syscall(SYS_capset, &header, data)), "capset");
}

void WriteProc(const char* path, const std::string& text) {
  const Fd file = Open(path, O_WRONLY);
  Must(Sys(write(file.get(), text.data(), text.size())), path);
}

}  // namespace

void Become(const Who& who) {
  Must(Sys(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)), "keep capabilities");
  Must(Sys(syscall(SYS_setgroups, 0, nullptr)), "setgroups");
  Must(Sys(syscall(SYS_setresgid, who.uid, who.uid, who.uid)), "setresgid");
  Must(Sys(syscall(SYS_setresuid, who.uid, who.uid, who.uid)), "setresuid");
  SetCapabilities(who.caps);
  Must(Sys(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)), "dumpable");  // /proc/self stays our own
  DieWithParent();                                            // a change of the uid cancels it
  if (!who.user_namespace) return;
  Must(Sys(unshare(CLONE_NEWUSER | CLONE_NEWNS)), "a user namespace of its own");
  const std::string map = "0 " + std::to_string(who.uid) + " 1";
  WriteProc("/proc/self/setgroups", "deny");
  WriteProc("/proc/self/uid_map", map);
  WriteProc("/proc/self/gid_map", map);
}

void DieWithParent() { prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

Child::Child(const std::function<long()>& body) {
  int ends[2];
  Must(Sys(pipe2(ends, O_CLOEXEC)), "pipe2");
  result_ = Fd(ends[0]);
  Fd write_end(ends[1]);
  pid_ = static_cast<pid_t>(Must(Sys(fork()), "fork"));
  if (pid_ == 0) {
    DieWithParent();
    long result = -ECHILD;
    try {
      result = body();
    } catch (const std::exception& error) {
      fprintf(stderr, "in a child of the test: %s\n", error.what());
    }
    const bool written = write(write_end.get(), &result, sizeof(result)) == sizeof(result);
    _exit(written ? 0 : 1);
  }
  pidfd_ = Fd(Must(Sys(syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open"));
}

Child::~Child() {
  if (pid_ <= 0) return;
  Kill();
  waitpid(pid_, nullptr, 0);
}

bool Child::Ended(int milliseconds) const {
  pollfd ended = {pidfd_.get(), POLLIN, 0};
  return poll(&ended, 1, milliseconds) == 1;
}

bool Child::Ready(int milliseconds) const {
  const std::string name = "/proc/" + std::to_string(pid_) + "/comm";
  return Eventually([&] { return ReadFile(name) == std::string(kReadyName) + "\n"; }, milliseconds);
}

long SayReadyAndSleep() {
  prctl(PR_SET_NAME, kReadyName, 0, 0, 0);
  for (;;) pause();
}

void Child::Kill() const { syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0); }

long Child::Result() {
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  long result = -ECHILD;
  const bool whole = read(result_.get(), &result, sizeof(result)) == sizeof(result);
  return whole ? result : -ECHILD;
}

long InChild(const std::function<long()>& body) { return Child(body).Result(); }

long As(const Who& who, const std::function<long()>& body) {
  if (who.user_namespace) NeedUserNamespaces();
  return InChild([&] {
    Become(who);
    return body();
  });
}

}  // namespace kerneltest
