// The supervisor of `sluice exec` (src/proxy/supervisor.h) and servers that lie to it, race it and die, before a service
// that answers as the attack wants. Invariants: it acts on what it has fetched of the calling thread, and of no other;
// it asks for nothing that nobody waits for, and keeps nothing of it; no server ends it.
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>

#include "foreign_server.h"
#include "hostile_worker.h"
#include "os/fuse_device.h"
#include "os/kernel_abi.h"
#include "os/notify.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "tests/clients/fake_service.h"

namespace sluice::adversary {
namespace {

using clients::FakeService;
using core::Reason;

constexpr char kService[] = "/run/fake.sock";
constexpr char kSupervisor[] = "/run/bin/sluice-supervisor";

// Somebody who has the filter as well, and outlives the server: its supervisor stays.
void leave_somebody() {
  if (::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr) != 0) return;
  for (;;) ::pause();
}

// What the processes of an attack tell each other.
struct Told {
  std::atomic<int> step{0};
  std::atomic<long> result[80];
  std::atomic<pid_t> pid{0};
};
Told& told() {
  static Told* told = new (::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Told;
  return *told;
}
void reach(int step) { told().step = step; }
void await(int step) {
  while (told().step < step) ::usleep(1000);
}
bool soon(int step) { return eventually(8000, [&] { return told().step >= step; }); }

// The call's argument, at one address in every process here.
os::abi::FuseBackingMap map_of_call;
uint32_t id_of_call;

long call(int device, unsigned long request, void* argument) {
  const long result = ::syscall(SYS_ioctl, device, request, argument);
  return result < 0 ? -errno : result;
}
long open_backing(int device, int file, uint32_t flags = 0, unsigned long upper = 0) {
  map_of_call = {};
  map_of_call.fd = file;
  map_of_call.flags = flags;
  return call(device, os::abi::kFuseBackingOpen | upper << 32, &map_of_call);
}
long close_backing(int device, uint32_t id) {
  id_of_call = id;
  return call(device, os::abi::kFuseBackingClose, &id_of_call);
}

// Of this thread: the C library would tell the threads of the service, which a copy of this process does not have.
bool take_ids(uint32_t uid) {
  return ::syscall(SYS_setresgid, uid, uid, uid) == 0 && ::syscall(SYS_setresuid, uid, uid, uid) == 0;
}
bool be_user() {
  const bool done = take_ids(kUser);
  ::prctl(PR_SET_DUMPABLE, 1);
  return done;
}

// A supervisor, and the server that it is for: body, in a process of kUser's.
class Supervised {
 public:
  explicit Supervised(const Body& body, uint32_t uid = kUser, const Body& before = {}) {
    auto channel = os::socket_pair();
    if (!channel.ok()) return;
    const int theirs = channel->second.get();
    supervisor_ = std::make_unique<Program>(
        std::vector<std::string>{kSupervisor, kService}, work_dir() + "/supervisor.log", [theirs, uid, &before] {
          if (uid != 0 && !take_ids(uid)) ::_exit(1);
          const int moved = ::fcntl(theirs, F_DUPFD, 100);
          ::dup2(moved, 3);
          if (before) before();
        });
    channel->second.reset();
    (void)os::set_timeout(channel->first.get(), 8000);
    uint8_t number[sizeof(pid_t)];
    const auto said = os::receive_message(channel->first.get(), number, 0);
    EXPECT_TRUE(said.ok() && said->length == sizeof(number)) << supervisor_->output();
    const int ours = channel->first.get();
    server_ = std::make_unique<Program>([this, &body, ours] {
      if (!be_user()) return;
      os::let_trace_me(supervisor());
      const auto refused = os::refuse_new_privileges();
      const auto listener = os::install_notification();
      EXPECT_TRUE(refused.ok() && listener.ok());
      const int handed[] = {listener->get()};
      const uint8_t byte = 0;
      EXPECT_TRUE(os::send_message(ours, {&byte, 1}, handed).ok());
      ::close(listener->get());
      body();
    });
    uint8_t byte[1];
    const auto taken = os::receive_message(ours, byte, 0);
    EXPECT_TRUE(taken.ok() && taken->length == 0) << "it has taken the listener";
  }

  pid_t supervisor() const { return supervisor_->pid(); }
  Program& server() { return *server_; }
  bool supervises() { return !supervisor_->ended(0); }
  bool supervisor_ends() { return supervisor_->ended(5000); }
  // How many of its descriptors are of this kind.
  int descriptors(const std::string& of) const {
    int count = 0;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(supervisor()) + "/fd", none)) {
      if (std::filesystem::read_symlink(entry.path(), none).string().starts_with(of)) ++count;
    }
    return count;
  }

 private:
  std::unique_ptr<Program> supervisor_, server_;
};

// Everybody's to connect to.
std::unique_ptr<FakeService> fake_service(FakeService::Answer answer = {}) {
  auto service = std::make_unique<FakeService>(kService, FakeService::Greeting(), std::move(answer));
  EXPECT_EQ(::chmod(kService, 0777), 0);
  return service;
}

// Takes a process from call to call, so that what would be a race is none.
class Stepper {
 public:
  explicit Stepper(pid_t pid) : pid_(pid) {
    EXPECT_EQ(::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACESYSGOOD), 0);
    EXPECT_EQ(::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr), 0);
    EXPECT_TRUE(stopped());
  }
  ~Stepper() { ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr); }
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  // To the return of the next call of this number with this second argument (0: any).
  void run_to_return_of(uint64_t number, uint64_t second = 0) {
    for (bool inside = false;;) {
      struct __ptrace_syscall_info info {};
      EXPECT_EQ(::ptrace(PTRACE_SYSCALL, pid_, nullptr, nullptr), 0);
      if (!stopped()) return;
      (void)::ptrace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof(info), &info);
      if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        inside = info.entry.nr == number && (second == 0 || info.entry.args[1] == second);
      } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && inside) {
        return;
      }
    }
  }

 private:
  bool stopped() {
    int status = 0;
    const bool is = ::waitpid(pid_, &status, __WALL) == pid_ && WIFSTOPPED(status);
    EXPECT_TRUE(is) << "it has ended";
    return is;
  }
  const pid_t pid_;
};

// Kills the server in its call, and gives its number to somebody else of the same user, who never asked for anything:
// with another connection where the server had its own, and with an argument of its own.
pid_t replace(Program& server, int device, int other_device, int file) {
  const pid_t number = server.pid();
  server.signal(SIGKILL);
  EXPECT_TRUE(server.ended(5000));
  told().pid = 0;
  struct clone_args arguments {};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<uint64_t>(&number);
  arguments.set_tid_size = 1;
  const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
  if (pid == 0) {
    ::dup2(other_device, device);
    map_of_call = {};
    map_of_call.fd = file;
    id_of_call = 77;
    told().pid = be_user() ? ::getpid() : -1;
    for (;;) ::pause();
  }
  EXPECT_EQ(pid, number) << std::strerror(errno);
  EXPECT_TRUE(eventually(3000, [&] { return told().pid == number; }));
  return pid;
}

// Invariant: what is done is what the thread that calls has asked for, not what whoever has its number now would.
ATTACK(SupervisorAttack, ANumberThatIsAnothers) {
  const std::string path = foreign_ground();
  const os::Fd file(::open((path + "/file").c_str(), O_RDWR | O_CLOEXEC));
  ForeignServer mine(path + "/point", 8, kUser, false), other(path + "/point", 8, kUser, false);
  const int device = mine.device(), others = other.device();
  // When the server has been killed: to open, and to close.
  for (const bool opens : {true, false}) {
    reach(0);
    Supervised supervised([&] {
      await(1);
      told().result[0] = open_backing(device, file.get());
      reach(2);
      await(3);
      (void)(opens ? open_backing(device, file.get()) : close_backing(device, static_cast<uint32_t>(told().result[0])));
    });
    const auto service = fake_service();
    reach(1);
    ASSERT_TRUE(soon(2));
    ASSERT_GT(told().result[0], 0);
    const int asked = service->requests();
    pid_t victim;
    {
      Stepper stepper(supervised.supervisor());
      reach(3);
      stepper.run_to_return_of(SYS_ioctl, SECCOMP_IOCTL_NOTIF_RECV);
      victim = replace(supervised.server(), device, device, file.get());
    }
    ::usleep(200'000);
    EXPECT_EQ(service->requests(), asked) << (opens ? "to open" : "to close");
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
    // Nor is the connection kept, of one whose number it is by then.
    reach(0);
    Supervised again([&] {
      leave_somebody();
      reach(1);
      await(2);
      (void)open_backing(device, file.get());
    });
    ASSERT_TRUE(soon(1));
    {
      Stepper stepper(again.supervisor());
      reach(2);
      opens ? stepper.run_to_return_of(SYS_pidfd_getfd) : stepper.run_to_return_of(SYS_ioctl, SECCOMP_IOCTL_NOTIF_RECV);
      victim = replace(again.server(), device, others, file.get());
    }
    ::usleep(200'000);
    EXPECT_TRUE(again.supervises());
    EXPECT_EQ(again.descriptors("/dev/fuse"), 0);
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
  }
}

// Invariant: nor what a program has open by that number which the process has become since.
ATTACK(SupervisorAttack, AProgramThatTheServerBecame) {
  const std::string path = foreign_ground();
  const os::Fd file(::open((path + "/file").c_str(), O_RDWR | O_CLOEXEC));
  ForeignServer mine(path + "/point", 8, kUser, false);
  const auto service = fake_service();
  reach(0);
  Supervised supervised([&] {
    std::thread other([&] {
      await(2);
      // Of this thread; the one that calls ends with it. The file stays open.
      ::fcntl(file.get(), F_SETFD, 0);
      ::execl("/bin/sleep", "sleep", "100", nullptr);
    });
    await(1);
    (void)open_backing(mine.device(), file.get());
  });
  {
    Stepper stepper(supervised.supervisor());
    reach(1);
    // All was looked at, but for the file.
    stepper.run_to_return_of(SYS_process_vm_readv);
    reach(2);
    EXPECT_TRUE(eventually(5000, [&] { return field_of(supervised.server().pid(), "Name") == "sleep"; }));
  }
  ::usleep(200'000);
  EXPECT_EQ(service->requests(), 0);
  EXPECT_TRUE(supervised.supervises());
}

// Invariant: an id that its server did not live to hear of is closed.
ATTACK(SupervisorAttack, AServerThatIsKilledBeforeItHears) {
  const std::string path = foreign_ground();
  const os::Fd file(::open((path + "/file").c_str(), O_RDWR | O_CLOEXEC));
  ForeignServer mine(path + "/point", 8, kUser, false);
  std::atomic<int> opened{0}, closed{0};
  std::atomic<pid_t> server{0};
  const auto service = fake_service([&](const wire::BackingRequest& request, int) {
    if (request.op == wire::BackingOp::kClose) {
      closed = request.backing_id;
      return FakeService::reply_of({0, 0, request.backing_id, 0});
    }
    opened = 41;
    ::kill(server, SIGKILL);
    // Gone, but for its father: the kernel has taken its call back.
    const std::string state = "/proc/" + std::to_string(server);
    EXPECT_TRUE(eventually(3000, [&] { return field_of(server, "State").starts_with("Z"); })) << state;
    return FakeService::reply_of({0, 0, 41, 0});
  });
  reach(0);
  Supervised supervised([&] {
    leave_somebody();
    await(1);
    told().pid = ::getpid();
    (void)open_backing(mine.device(), file.get());
  });
  server = supervised.server().pid();
  reach(1);
  EXPECT_TRUE(eventually(5000, [&] { return opened == 41 && closed == 41; }));
}

// Invariant: a signal does not begin a call anew that was taken up, and so loses no id.
ATTACK(SupervisorAttack, SignalsDuringACall) {
  const std::string path = foreign_ground();
  const os::Fd file(::open((path + "/file").c_str(), O_RDWR | O_CLOEXEC));
  ForeignServer mine(path + "/point", 8, kUser, false);
  const auto service = fake_service([](const wire::BackingRequest&, int n) {
    ::usleep(100'000);
    return FakeService::reply_of({0, 0, n + 1, 0});
  });
  reach(0);
  Supervised supervised([&] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGALRM, &action, nullptr);
    const struct itimerval often {{0, 5000}, {0, 5000}};
    await(1);
    ::setitimer(ITIMER_REAL, &often, nullptr);
    told().result[0] = open_backing(mine.device(), file.get());
    reach(2);
    ::pause();
  });
  reach(1);
  ASSERT_TRUE(soon(2));
  EXPECT_EQ(told().result[0], 1);
  EXPECT_EQ(service->requests(), 1) << "one call, one id";
}

// Invariant: what the kernel would not do is not done for anybody; the number of a request has a lower half only.
ATTACK(SupervisorAttack, ArgumentsThatMeanNothing) {
  const std::string path = foreign_ground();
  const os::Fd file(::open((path + "/file").c_str(), O_RDWR | O_CLOEXEC));
  ForeignServer mine(path + "/point", 8, kUser, false);
  const auto service = fake_service();
  reach(0);
  Supervised supervised([&] {
    await(1);
    told().result[0] = open_backing(mine.device(), file.get(), 1);
    map_of_call = {};
    map_of_call.fd = file.get();
    map_of_call.padding = 1;
    told().result[1] = call(mine.device(), os::abi::kFuseBackingOpen, &map_of_call);
    told().result[2] = open_backing(mine.device(), 999);
    told().result[3] = call(mine.device(), os::abi::kFuseBackingOpen, reinterpret_cast<void*>(8));
    told().result[4] = open_backing(file.get(), file.get());
    told().result[5] = open_backing(mine.device(), file.get(), 0, 0x12345678);
    // An argument of which the second half is in no memory.
    auto* pages = static_cast<char*>(::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::munmap(pages + 4096, 4096);
    map_of_call = {};
    map_of_call.fd = file.get();
    std::memcpy(pages + 4096 - 8, &map_of_call, 8);
    told().result[6] = call(mine.device(), os::abi::kFuseBackingOpen, pages + 4096 - 8);
    // And by a thread that is not the first.
    std::thread([&] { told().result[7] = open_backing(mine.device(), file.get()); }).join();
    reach(2);
    ::pause();
  });
  reach(1);
  ASSERT_TRUE(soon(2));
  for (const int i : {0, 1, 2}) EXPECT_EQ(told().result[i], -EPERM) << i;
  EXPECT_EQ(told().result[3], -EFAULT);
  EXPECT_EQ(told().result[4], -ENOTTY);
  EXPECT_GT(told().result[5], 0) << "with an upper half";
  EXPECT_EQ(told().result[6], -EFAULT);
  EXPECT_GT(told().result[7], 0) << "of another thread";
  EXPECT_EQ(service->live_ids(), 2);
  EXPECT_EQ(service->requests(), 2);
}

// Invariant: a connection is what its descriptor is, not its number, which is the next one's when it has ended.
ATTACK(SupervisorAttack, NumbersOfConnectionsThatEnded) {
  const std::string path = foreign_ground();
  const os::Fd file(::open((path + "/file").c_str(), O_RDWR | O_CLOEXEC));
  // Whether the server asks about the one that has ended before there is another, or after.
  for (const bool asks_before : {true, false}) {
    auto first = std::make_unique<ForeignServer>(path + "/point", 8, kUser, false);
    auto pass = os::socket_pair();
    ASSERT_TRUE(pass.ok());
    const int device = first->device(), theirs = pass->second.get();
    const auto service = fake_service();
    reach(0);
    Supervised supervised([&] {
      await(1);
      told().result[0] = open_backing(device, file.get());
      reach(2);
      await(3);
      if (asks_before) told().result[1] = open_backing(device, file.get());
      reach(4);
      uint8_t byte[1];
      const auto message = os::receive_message(theirs, byte, 1);
      if (!message.ok() || message->fds.size() != 1) return;
      told().result[2] = open_backing(message->fds[0].get(), file.get());
      if (!asks_before) told().result[1] = open_backing(device, file.get());
      reach(5);
      ::pause();
    });
    reach(1);
    ASSERT_TRUE(soon(2));
    EXPECT_GT(told().result[0], 0);
    // Nobody but its user is told more of it.
    const auto number = [&] { return os::connection_of(os::Fd(::open((path + "/point").c_str(), O_PATH | O_CLOEXEC)).get()); };
    const uint32_t before = number();
    ASSERT_EQ(::umount2((path + "/point").c_str(), MNT_DETACH), 0);
    reach(3);
    ASSERT_TRUE(soon(4));
    // The kernel gives the number anew, the least that is free; a test beside this one may have it for a while.
    auto second = std::make_unique<ForeignServer>(path + "/point", 8, kUser, false);
    for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
         number() != before && std::chrono::steady_clock::now() < until;) {
      ASSERT_EQ(::umount2((path + "/point").c_str(), MNT_DETACH), 0);
      second.reset();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      second = std::make_unique<ForeignServer>(path + "/point", 8, kUser, false);
    }
    ASSERT_EQ(number(), before) << "the kernel gives the number anew";
    const uint8_t byte = 0;
    const int handed[] = {second->device()};
    ASSERT_TRUE(os::send_message(pass->first.get(), {&byte, 1}, handed).ok());
    ASSERT_TRUE(soon(5));
    EXPECT_EQ(told().result[1], -EPERM) << "of one that has ended";
    EXPECT_GT(told().result[2], 0);
    EXPECT_EQ(service->hellos(), 2) << "a session of its own";
    EXPECT_EQ(service->requests(), 2);
  }
}

// Invariant: a server that is no more holds no connection, and no number of them ends its supervisor.
ATTACK(SupervisorAttack, AsManyConnectionsAsItLikes) {
  const std::string path = foreign_ground();
  const os::Fd file(::open((path + "/file").c_str(), O_RDWR | O_CLOEXEC));
  constexpr int kMany = 66;
  std::vector<std::unique_ptr<ForeignServer>> all;
  for (int i = 0; i < kMany; ++i) {
    const std::string point = path + "/point-" + std::to_string(i);
    ASSERT_EQ(::mkdir(point.c_str(), 0755), 0);
    all.push_back(std::make_unique<ForeignServer>(point, 8, kUser, false));
  }
  const auto service = fake_service();
  reach(0);
  Supervised supervised([&] {
    // By a process of its own, which ends.
    Program part([&] {
      await(1);
      for (int i = 0; i < kMany; ++i) told().result[i] = open_backing(all[static_cast<size_t>(i)]->device(), file.get());
      reach(2);
      await(3);
    });
    ::pause();
  });
  reach(1);
  ASSERT_TRUE(soon(2));
  EXPECT_GT(told().result[63], 0);
  EXPECT_EQ(told().result[64], -EPERM) << "one more than there are places for";
  EXPECT_EQ(told().result[65], -EPERM);
  EXPECT_TRUE(supervised.supervises());
  EXPECT_EQ(supervised.descriptors("/dev/fuse"), 2 * 64) << "its own, and the session's";
  reach(3);
  EXPECT_TRUE(eventually(3000, [&] { return supervised.descriptors("/dev/fuse") == 0; }));
  EXPECT_TRUE(supervised.supervises()) << "others have the filter";
  supervised.server().signal(SIGKILL);
  EXPECT_TRUE(supervised.supervisor_ends());
}

// Invariant: what is handed over is open for no more than the server could have it, and for all that its opens need.
ATTACK(SupervisorAttack, WhatIsHandedOver) {
  const std::string path = foreign_ground();
  write_all(path + "/program", "program", kUser, 0755);
  write_all(path + "/theirs", "theirs", kVictim, 0644);
  std::atomic<bool> refuses{false};
  FakeService* asked = nullptr;
  const auto service = fake_service([&](const wire::BackingRequest&, int n) {
    const bool writes = (asked->last_flags() & O_ACCMODE) == O_RDWR;
    return FakeService::reply_of(refuses && writes ? wire::BackingReply{EACCES, static_cast<uint32_t>(Reason::kFileNotWritable), 0, 0}
                                                   : wire::BackingReply{0, 0, n + 1, 0});
  });
  asked = service.get();
  ForeignServer mine(path + "/point", 8, kUser, false);
  constexpr std::pair<const char*, int> kFiles[] = {{"/file", O_RDONLY}, {"/file", O_WRONLY}, {"/file", O_RDWR | O_APPEND},
                                                    {"/file", O_PATH},   {"/program", O_RDONLY}, {"/program", O_PATH},
                                                    {"/theirs", O_RDONLY}, {"/theirs", O_PATH}, {"/file", O_RDONLY}};
  reach(0);
  Supervised supervised([&] {
    for (int i = 0; i < static_cast<int>(std::size(kFiles)); ++i) {
      await(2 * i + 1);
      const os::Fd file(::open((path + kFiles[i].first).c_str(), kFiles[i].second | O_CLOEXEC));
      told().result[i] = open_backing(mine.device(), file.get());
      reach(2 * i + 2);
    }
    ::pause();
  });
  constexpr int kWants[] = {O_RDWR, O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_RDONLY, O_RDONLY, O_RDONLY, O_RDONLY};
  for (int i = 0; i < static_cast<int>(std::size(kFiles)); ++i) {
    refuses = i == 8;  // what may be opened for writing, and is not granted for that, is granted for reading
    reach(2 * i + 1);
    ASSERT_TRUE(soon(2 * i + 2));
    EXPECT_GT(told().result[i], 0) << i;
    EXPECT_EQ(service->last_flags() & (O_ACCMODE | O_APPEND | O_PATH), kWants[i]) << i;
  }
}

// Invariant: a server of which an id has ended hears of no failure when it closes it; of others' it does.
ATTACK(SupervisorAttack, IdsThatEndedWithTheService) {
  const std::string path = foreign_ground();
  const os::Fd file(::open((path + "/file").c_str(), O_RDWR | O_CLOEXEC));
  ForeignServer mine(path + "/point", 8, kUser, false);
  std::atomic<int> closes{0};
  const auto service = fake_service([&](const wire::BackingRequest& request, int n) {
    if (request.op == wire::BackingOp::kOpen) return FakeService::reply_of({0, 0, 10 + n, 0});
    ++closes;
    return FakeService::reply_of({ENOENT, static_cast<uint32_t>(Reason::kSystem), 0, 0});
  });
  reach(0);
  Supervised supervised([&] {
    await(1);
    told().result[0] = open_backing(mine.device(), file.get());
    reach(2);
    await(3);
    told().result[1] = close_backing(mine.device(), 10);
    told().result[2] = open_backing(mine.device(), file.get());
    told().result[3] = close_backing(mine.device(), 10);
    told().result[4] = close_backing(mine.device(), 500);
    told().result[5] = close_backing(mine.device(), 0);
    reach(4);
    ::pause();
  });
  reach(1);
  ASSERT_TRUE(soon(2));
  EXPECT_EQ(told().result[0], 10);
  service->end_brokers();
  reach(3);
  ASSERT_TRUE(soon(4));
  EXPECT_EQ(told().result[1], 0) << "while nobody is there";
  EXPECT_GT(told().result[2], 10);
  EXPECT_EQ(told().result[3], 0) << "when there is another";
  EXPECT_EQ(told().result[4], -ENOENT) << "never given";
  EXPECT_EQ(told().result[5], -EINVAL);
  EXPECT_EQ(closes, 1);
}

// Invariant: it has what it needs, and nothing that whoever started it had besides.
ATTACK(SupervisorAttack, WhatItIsStartedWith) {
  Supervised supervised([] { ::pause(); }, 0, [] { (void)!::fcntl(1, F_DUPFD, 200); });
  const pid_t pid = supervised.supervisor();
  EXPECT_EQ(field_of(pid, "Seccomp"), "2");
  EXPECT_EQ(field_of(pid, "NoNewPrivs"), "1");
  for (const char* set : {"CapEff", "CapPrm"}) EXPECT_EQ(field_of(pid, set), "0000000000080000") << "SYS_PTRACE";
  for (const char* set : {"CapInh", "CapAmb"}) EXPECT_EQ(field_of(pid, set), "0000000000000000") << set;
  EXPECT_TRUE(eventually(3000, [&] { return descriptors_of(pid) == 4; })) << descriptors_of(pid);
}

}  // namespace
}  // namespace sluice::adversary
