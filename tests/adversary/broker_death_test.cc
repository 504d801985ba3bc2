// A broker that is killed: the view and what is open in it go on, no request is answered falsely, and no id is left over.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "os/kernel_abi.h"
#include "running_service.h"
#include "sandbox/fds.h"

namespace sluice::adversary {
namespace {

constexpr int kBetweenMilliseconds = 1100;  // one end in that time is forgiven
constexpr int kIdMost = 4000;

pid_t the_broker() {
  pid_t found = -1;
  for (const Found& process : processes()) {
    if (process.name == "sluice-broker" && process.state != 'Z') found = process.pid;
  }
  return found;
}
// The next one serves.
pid_t kill_broker() {
  const pid_t before = the_broker();
  ::kill(before, SIGKILL);
  pid_t now = -1;
  EXPECT_TRUE(eventually(5000, [&] {
    now = the_broker();
    return now > 0 && now != before;
  })) << "no broker after the one that was killed";
  return now;
}

// How many backing ids the kernel has of the connection that this broker serves: none of them any more.
int take_all_ids(pid_t broker) {
  const os::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, broker, 0)));
  const os::Fd device(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), sandbox::kFdFuse, 0)));
  EXPECT_TRUE(device) << "errno " << errno;
  int count = 0;
  for (uint32_t id = 1; id < kIdMost; ++id) count += ::ioctl(device.get(), os::abi::kFuseBackingClose, &id) == 0 ? 1 : 0;
  return count;
}

// What somebody does in the view all the time; any answer that a plain directory would not have given fails.
void use(const std::string& view, int milliseconds) {
  ASSERT_EQ(::chdir(view.c_str()), 0);
  const os::Fd busy(::open("busy", O_RDWR | O_CLOEXEC));
  const os::Fd to_read(::open("file", O_RDONLY | O_CLOEXEC));
  int i = 0;
  (void)eventually(milliseconds, [&] {
    ++i;
    char text[16] = {}, read[16] = {};
    std::snprintf(text, sizeof(text), "%015d", i);
    EXPECT_EQ(::pwrite(busy.get(), text, 16, 0), 16) << errno;
    EXPECT_EQ(::fdatasync(busy.get()), 0) << i << ": errno " << errno;
    EXPECT_EQ(::ftruncate(busy.get(), 16), 0) << i << ": errno " << errno;
    const os::Fd again(::open("busy", O_RDWR | O_CLOEXEC));
    EXPECT_EQ(::pread(again.get(), read, 16, 0), 16) << i << ": errno " << errno;
    EXPECT_STREQ(read, text) << i;
    EXPECT_EQ(::pread(to_read.get(), read, 8, 0), 8) << errno;
    const std::string name = "made" + std::to_string(i % 7), other = "other" + std::to_string(i % 7);
    const os::Fd made(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    EXPECT_TRUE(made) << i << ": errno " << errno;
    EXPECT_EQ(::write(made.get(), text, 16), 16) << errno;
    EXPECT_EQ(::rename(name.c_str(), other.c_str()), 0) << i << ": errno " << errno;
    EXPECT_EQ(::link(other.c_str(), name.c_str()), 0) << i << ": errno " << errno;
    EXPECT_EQ(::unlink(other.c_str()), 0) << i << ": errno " << errno;
    EXPECT_EQ(::symlink("file", other.c_str()), 0) << i << ": errno " << errno;
    EXPECT_EQ(::unlink(other.c_str()), 0) << i << ": errno " << errno;
    EXPECT_EQ(::unlink(name.c_str()), 0) << i << ": errno " << errno;
    return ::testing::Test::HasFailure();
  });
  EXPECT_GT(i, 3) << "nothing went on";
}

ATTACK_WITHIN(BrokerDeath, NothingIsLostNorAnsweredFalsely, 60) {
  const std::string source = make_source("source", kVictim);
  write_all(source + "/busy", std::string(16, '0'), kVictim);
  RunningService service;
  const View view(source, kVictim);
  for (int users = 0; users < 2; ++users) {
    Program user([&] { in_process(kVictim, 40, [&] { use(view.path(), 6 * kBetweenMilliseconds); }); });
    for (int i = 0; i < 5; ++i) {
      ::usleep(kBetweenMilliseconds * 1000 + i * 7919);
      kill_broker();
    }
    EXPECT_TRUE(user.ended(40'000));
    EXPECT_EQ(user.status(), 0);
  }
  const std::string log = service.log();
  EXPECT_NE(log.find("event=broker-ended"), std::string::npos) << log;
  EXPECT_NE(log.find("event=broker-replaced"), std::string::npos) << log;
  // All is closed: the worker gives back what it had kept for the next open, and with it every id is gone.
  ::usleep(4'000'000);
  EXPECT_EQ(take_all_ids(the_broker()), 0) << "ids are left over";
}

ATTACK(BrokerDeath, WhatIsOpenKeepsItsId) {
  const std::string source = make_source("source", kVictim);
  RunningService service;
  const View view(source, kVictim);
  ::chmod(work_dir().c_str(), 0777);
  Program holder([&] {
    if (::setresgid(kVictim, kVictim, kVictim) != 0 || ::setresuid(kVictim, kVictim, kVictim) != 0) ::_exit(1);
    const os::Fd file(::open(view.path("file").c_str(), O_RDONLY | O_CLOEXEC));
    ::creat((work_dir() + "/open").c_str(), 0644);
    for (;;) ::pause();
  });
  EXPECT_TRUE(eventually(4000, [] { return ::access((work_dir() + "/open").c_str(), F_OK) == 0; }));
  const pid_t next = kill_broker();
  EXPECT_TRUE(eventually(4000, [&] { return service.log().find("event=worker-replaced") != std::string::npos; }));
  EXPECT_EQ(take_all_ids(next), 1) << "not the one id of the file that is open";
}

// It is not replaced for ever: who waits is free in the end.
ATTACK_WITHIN(BrokerDeath, AgainAndAgainEndsTheView, 40) {
  const std::string source = make_source("source", kVictim);
  RunningService service;
  const View view(source, kVictim);
  EXPECT_TRUE(eventually(30'000, [&] {
    if (const pid_t broker = the_broker(); broker > 0) ::kill(broker, SIGKILL);
    return service.log().find("event=view-ended") != std::string::npos;
  })) << service.log();
  EXPECT_NE(service.log().find("worker keeps ending"), std::string::npos) << service.log();
  in_process(kVictim, 5, [&] { EXPECT_LT(::open(view.path("file").c_str(), O_RDONLY | O_CLOEXEC), 0); });
}

}  // namespace
}  // namespace sluice::adversary
