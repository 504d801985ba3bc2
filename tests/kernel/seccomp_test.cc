// Seccomp user notification of BACKING_OPEN: what the proxy for unmodified servers rests on.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <optional>
#include <thread>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9

// Makes BACKING_OPEN of the calling process, by the lower half of the request, a notification.
long InstallFilter(unsigned flags) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(kIocBackingOpen), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
  Must(Sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), "no_new_privs");
  return Sys(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | flags,
                     &program));
}

// A server in a user namespace whose second thread calls BACKING_OPEN, and its supervisor.
struct Supervised {
  explicit Supervised(unsigned flags = 0) {
    NeedUserNamespaces();
    int ends[2];
    Must(Sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)), "socketpair");
    ours = Fd(ends[0]);
    theirs = Fd(ends[1]);
    WriteFile(WorkDir() + "/backing", "backing");
    file = Open(WorkDir() + "/backing", O_RDONLY);
    server.emplace([this, flags]() -> long {
      Become({kAlice, {}, true});
      struct sigaction action = {};
      action.sa_handler = [](int) {};
      action.sa_flags = SA_RESTART;
      Must(Sys(sigaction(SIGUSR1, &action, nullptr)), "sigaction");
      const Fd filter(Must(InstallFilter(flags), "seccomp"));
      Must(SendFd(theirs.get(), filter.get()), "sendmsg");
      long result = 0;
      std::thread([&] { result = view.Grant(file.get()); }).join();
      return result;
    });
    theirs.Close();  // so that the next line ends when the server does
    listener = Fd(Must(ReceiveFd(ours.get()), "recvmsg"));
  }

  // The next notification; throws when there is none.
  seccomp_notif Receive() const {
    pollfd ready = {listener.get(), POLLIN, 0};
    Must(poll(&ready, 1, kSoonMs) == 1 ? 0 : -ETIME, "waiting for the notification");
    seccomp_notif notification = {};
    Must(Sys(ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification)), "NOTIF_RECV");
    return notification;
  }
  long Respond(uint64_t id, long value) const {
    seccomp_notif_resp response = {};
    response.id = id;
    response.val = value;
    return Sys(ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response));
  }
  long IsValid(uint64_t id) const {
    return Sys(ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
  }

  View view;
  Fd ours, theirs, file, listener;
  std::optional<Child> server;
};

// Fact 24: seccomp user notification of ioctl(BACKING_OPEN/CLOSE) works on unmodified servers in a
// user namespace. The notifying pid is a thread id: pidfd_open with PIDFD_THREAD, then pidfd_getfd.
// Recheck NOTIF_ID_VALID after reading memory, act only on the fetched fds.
KERNEL_TEST(Seccomp, NotifiedBackingOpenCanBeDoneForTheServer) {
  NeedKernel(6, 9, "PIDFD_THREAD");
  Supervised supervised;
  const seccomp_notif asked = supervised.Receive();
  const pid_t thread = static_cast<pid_t>(asked.pid);
  EXPECT_NE(thread, supervised.server->pid()) << "a thread id";
  EXPECT_NE(Err(Sys(syscall(SYS_pidfd_open, thread, 0))), "OK");
  const Fd pidfd(Must(Sys(syscall(SYS_pidfd_open, thread, kPidfdThread)), "PIDFD_THREAD"));

  BackingMap map = {};
  const iovec here = {&map, sizeof(map)};
  const iovec there = {reinterpret_cast<void*>(asked.data.args[2]), sizeof(map)};
  ASSERT_EQ(Sys(process_vm_readv(thread, &here, 1, &there, 1, 0)), long{sizeof(map)});
  ASSERT_EQ(Err(supervised.IsValid(asked.id)), "OK");
  const Fd dev(Must(Sys(syscall(SYS_pidfd_getfd, pidfd.get(), asked.data.args[0], 0)), "getfd"));
  const Fd file(Must(Sys(syscall(SYS_pidfd_getfd, pidfd.get(), map.fd, 0)), "getfd"));
  map.fd = file.get();
  const long id = Sys(ioctl(dev.get(), kIocBackingOpen, &map));
  ASSERT_EQ(Err(id), "OK");
  EXPECT_EQ(Err(supervised.Respond(asked.id, id)), "OK");
  EXPECT_EQ(supervised.server->Result(), id);
  supervised.view.Pass(supervised.view.Add("file"), id);
  EXPECT_EQ(ReadFile(supervised.view.Path("file")), "backing");
}

// Fact 24: ... and close the id again where the response fails with ENOENT.
KERNEL_TEST(Seccomp, ResponseToADeadServerFailsWithEnoent) {
  Supervised supervised;
  const seccomp_notif asked = supervised.Receive();
  supervised.server->Kill();
  ASSERT_TRUE(supervised.server->Ended(kSoonMs));
  EXPECT_EQ(Err(supervised.IsValid(asked.id)), "ENOENT");
  EXPECT_EQ(Err(supervised.Respond(asked.id, 1)), "ENOENT");
}

// Fact 24: WAIT_KILLABLE_RECV, or a signal restarts the call and leaks an id.
KERNEL_TEST(Seccomp, SignalRestartsTheCallUnlessWaitKillableRecv) {
  for (const bool killable : {false, true}) {
    const Supervised supervised(killable ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0);
    const seccomp_notif asked = supervised.Receive();
    ASSERT_EQ(Err(Sys(syscall(SYS_tgkill, supervised.server->pid(), asked.pid, SIGUSR1))), "OK");
    if (killable) {
      Sleep(50);
      EXPECT_EQ(Err(supervised.IsValid(asked.id)), "OK");
      EXPECT_EQ(Err(supervised.Respond(asked.id, 77)), "OK");
    } else {
      EXPECT_TRUE(Eventually([&] { return Err(supervised.IsValid(asked.id)) == "ENOENT"; }));
      EXPECT_NE(supervised.Receive().id, asked.id) << "the same call, once more";
    }
  }
}

// Fact 24: compare the lower 32 bits of the request number.
KERNEL_TEST(Seccomp, IoctlIgnoresTheUpperHalfOfTheRequest) {
  View view;
  WriteFile(WorkDir() + "/backing", "backing");
  const Fd file = Open(WorkDir() + "/backing", O_RDONLY);
  BackingMap map = {file.get(), 0, 0};
  EXPECT_EQ(Err(Sys(syscall(SYS_ioctl, view.dev(), 0xdeadbeef00000000UL | kIocBackingOpen, &map))),
            "OK");
}

}  // namespace
}  // namespace kerneltest
