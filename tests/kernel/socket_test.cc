// Unix sockets: who is at the other end, and which fds come through.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <sstream>

#include "contained.h"
#include "process.h"
#include "sys.h"

namespace kerneltest {
namespace {

// Newer than the headers of Debian 12.
constexpr int kSoPeerPidfd = 77;   // Linux 6.5
constexpr int kSoPassRights = 83;  // Linux 6.16

struct Pair {
  Pair() {
    int ends[2];
    Must(Sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)), "socketpair");
    left = Fd(ends[0]);
    right = Fd(ends[1]);
  }
  Fd left, right;
};

struct Pipe {
  Pipe() {
    int ends[2];
    Must(Sys(pipe2(ends, O_CLOEXEC | O_NONBLOCK)), "pipe2");
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  // "OK" when no process and no socket holds the writing end, "EAGAIN" while one does.
  std::string State() const {
    char byte;
    return Err(Sys(read(out.get(), &byte, 1)));
  }
  Fd out, in;
};

auto CountOfFds() {
  using Directory = std::filesystem::directory_iterator;
  return std::distance(Directory("/proc/self/fd"), Directory());
}

// Architecture, "How a view comes to be": SO_PEERPIDFD says who connected, and not by a number that
// is another process's tomorrow.
KERNEL_TEST(Socket, PeerPidfdIsThePeer) {
  NeedKernel(6, 5, "SO_PEERPIDFD");
  // The pidfd is the one of the process that made the pair, so the child makes and sends it.
  Pair carrier;
  Child peer([&]() -> long {
    Become({kAlice});
    Pair pair;
    if (SendFd(carrier.right.get(), pair.left.get()) < 0) return -EPIPE;
    return SayReadyAndSleep();
  });
  const Fd end(Must(ReceiveFd(carrier.left.get()), "recvmsg"));

  int number = -1;
  socklen_t size = sizeof(number);
  ASSERT_EQ(Err(Sys(getsockopt(end.get(), SOL_SOCKET, kSoPeerPidfd, &number, &size))), "OK");
  const Fd pidfd(number);
  std::istringstream info(ReadFile("/proc/self/fdinfo/" + std::to_string(pidfd.get())));
  pid_t pid = -1;
  for (std::string word; info >> word;) {
    if (word == "Pid:") info >> pid;
  }
  EXPECT_EQ(pid, peer.pid());
  ucred credentials = {};
  size = sizeof(credentials);
  ASSERT_EQ(Err(Sys(getsockopt(end.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size))), "OK");
  EXPECT_EQ(credentials.uid, kAlice);
  EXPECT_EQ(credentials.pid, peer.pid());
  ASSERT_EQ(Err(Sys(syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0))), "OK");
  EXPECT_TRUE(peer.Ended(kSoonMs));
}

// Not in the list: read(2) on a SOCK_SEQPACKET socket drops passed fds. A process that only reads
// can be given none.
KERNEL_TEST(Socket, ReadDropsPassedFds) {
  Pair pair;
  Pipe pipe;
  ASSERT_EQ(Err(SendFd(pair.left.get(), pipe.in.get())), "OK");
  pipe.in.Close();
  EXPECT_EQ(pipe.State(), "EAGAIN") << "the message holds the fd";
  const auto before = CountOfFds();
  char byte;
  ASSERT_EQ(Sys(read(pair.right.get(), &byte, 1)), 1);
  EXPECT_TRUE(Eventually([&] { return pipe.State() == "OK"; })) << "it was closed";
  EXPECT_EQ(CountOfFds(), before) << "none was installed";
}

// Fact 23: elsewhere set SO_PASSRIGHTS to 0 (6.16 and later: the sender gets EPERM).
KERNEL_TEST(Socket, WithoutPassrightsTheSenderGetsEperm) {
  NeedKernel(6, 16, "SO_PASSRIGHTS");
  Pair pair;
  Pipe pipe;
  const int no = 0;
  ASSERT_EQ(Err(SendFd(pair.left.get(), pipe.in.get())), "OK") << "by default";
  ASSERT_EQ(Err(Sys(setsockopt(pair.right.get(), SOL_SOCKET, kSoPassRights, &no, sizeof(no)))),
            "OK");
  EXPECT_EQ(Err(SendFd(pair.left.get(), pipe.in.get())), "EPERM");
  EXPECT_EQ(Err(Sys(send(pair.left.get(), "x", 1, 0))), "OK") << "a message without fds";
  EXPECT_EQ(Err(SendFd(pair.right.get(), pipe.in.get())), "OK")
      << "only the receiver's side counts";
}

// Who makes room for one fd gets one: what else came along is closed, and the message says so.
KERNEL_TEST(Socket, FdsForWhichThereIsNoRoomAreClosed) {
  Pair pair;
  Pipe first, second, third;
  const int sent[] = {first.in.get(), second.in.get(), third.in.get()};
  char byte = 'x';
  iovec piece = {&byte, 1};
  alignas(cmsghdr) char carried[CMSG_SPACE(sizeof(sent))] = {}, taken[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = carried;
  message.msg_controllen = CMSG_LEN(sizeof(sent));
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(sent));
  memcpy(CMSG_DATA(part), sent, sizeof(sent));
  ASSERT_EQ(Sys(sendmsg(pair.left.get(), &message, 0)), 1);
  for (Pipe* pipe : {&first, &second, &third}) pipe->in.Close();

  const auto before = CountOfFds();
  message.msg_control = taken;
  message.msg_controllen = CMSG_LEN(sizeof(int));
  message.msg_flags = 0;
  ASSERT_EQ(Sys(recvmsg(pair.right.get(), &message, MSG_CMSG_CLOEXEC)), 1);
  EXPECT_NE(message.msg_flags & MSG_CTRUNC, 0);
  part = CMSG_FIRSTHDR(&message);
  ASSERT_NE(part, nullptr);
  ASSERT_EQ(part->cmsg_len, CMSG_LEN(sizeof(int)));
  int number = -1;
  memcpy(&number, CMSG_DATA(part), sizeof(number));
  Fd only(number);
  EXPECT_EQ(CountOfFds(), before + 1);
  EXPECT_EQ(first.State(), "EAGAIN");
  EXPECT_TRUE(Eventually([&] { return second.State() == "OK" && third.State() == "OK"; })) << "they were closed";
  only.Close();
  EXPECT_EQ(first.State(), "OK");
}

}  // namespace
}  // namespace kerneltest
