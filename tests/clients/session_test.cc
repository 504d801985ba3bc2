// libsluice against a service that fails at each point of the protocol. Nothing is mounted and nobody is root: the
// /dev/fuse of these sessions serves nothing, so that the kernel is not asked.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sluice/sluice.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>

#include "core/reason.h"
#include "fake_service.h"

namespace sluice::clients {
namespace {

using core::Reason;
using Clock = std::chrono::steady_clock;

int64_t milliseconds_of(const std::function<void()>& body) {
  const auto begin = Clock::now();
  body();
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
}

class Session : public ::testing::Test {
 public:
  int open() { return sluice_backing_open(session_, file_.get()); }

 protected:
  void SetUp() override {
    char directory[] = "/tmp/sluice-clients-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    directory_ = directory;
    socket_ = directory_ + "/sock";
    device_ = os::Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!device_) GTEST_SKIP() << "needs /dev/fuse";
    file_ = os::Fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    writable_ = os::Fd(::open(directory_.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
    ASSERT_EQ(sluice_open(device_.get(), socket_.c_str(), &session_), 0);
  }
  void TearDown() override {
    sluice_close(session_);
    ::unlink(socket_.c_str());
    ::rmdir(directory_.c_str());
  }
  std::string directory_, socket_;
  os::Fd device_, file_, writable_;
  sluice_session* session_ = nullptr;
};

TEST_F(Session, GivesIdsAndClosesThem) {
  FakeService service(socket_);
  const int reads = open();
  EXPECT_GT(reads, 0);
  EXPECT_EQ(sluice_last_reason(), 0u);
  const int writes = sluice_backing_open(session_, writable_.get());
  EXPECT_GT(writes, 0);
  EXPECT_NE(reads, writes);
  EXPECT_EQ(service.live_ids(), 2);
  EXPECT_EQ(sluice_backing_close(session_, reads), 0);
  EXPECT_EQ(sluice_backing_close(session_, writes), 0);
  EXPECT_EQ(service.live_ids(), 0);
  EXPECT_EQ(service.hellos(), 1);
}

TEST_F(Session, SaysWhatIsWrongWithItsArguments) {
  sluice_session* none = nullptr;
  EXPECT_EQ(sluice_open(-1, socket_.c_str(), &none), -EBADF);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(sluice_open(device_.get(), std::string(108, 'x').c_str(), &none), -ENAMETOOLONG);
  EXPECT_EQ(sluice_backing_open(session_, -1), -EBADF);
  EXPECT_EQ(sluice_backing_open(nullptr, file_.get()), -EINVAL);
  EXPECT_EQ(sluice_backing_close(session_, 0), -EINVAL);
  EXPECT_EQ(sluice_backing_close(session_, -5), -EINVAL);
  sluice_close(nullptr);
}

TEST_F(Session, WhatIsNoConnectionIsTheServicesToRefuse) {
  FakeService service(socket_);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  sluice_session* session = nullptr;
  ASSERT_EQ(sluice_open(null, socket_.c_str(), &session), 0);
  EXPECT_GT(sluice_backing_open(session, file_.get()), 0) << "not asked of the kernel, whose answer might never come";
  sluice_close(session);
  ::close(null);
}

// A server that has no service is not slowed down.
TEST_F(Session, WithoutAServiceItFailsAtOnce) {
  EXPECT_LT(milliseconds_of([&] {
              for (int i = 0; i < 1000; ++i) EXPECT_EQ(open(), -EAGAIN);
            }), 500);
  FakeService service(socket_);
  int id = 0;
  EXPECT_LT(milliseconds_of([&] {
              while ((id = open()) == -EAGAIN) ::usleep(1000);
            }), 9000);
  EXPECT_GT(id, 0);
}

std::atomic<int> pipes{0};

TEST_F(Session, ABrokerThatIsLostIsReplaced) {
  FakeService service(socket_);
  struct sigaction action {}, before {};
  action.sa_handler = [](int) { ++pipes; };
  ASSERT_EQ(::sigaction(SIGPIPE, &action, &before), 0);
  ASSERT_GT(open(), 0);
  for (int i = 0; i < 5; ++i) {
    service.end_brokers();
    EXPECT_GT(open(), 0);
  }
  EXPECT_EQ(service.hellos(), 6);
  service.end_brokers();
  EXPECT_EQ(sluice_backing_close(session_, 1), 0);
  EXPECT_EQ(pipes, 0) << "nor does the program hear of it";
  ASSERT_EQ(::sigaction(SIGPIPE, &before, nullptr), 0);
}

TEST_F(Session, AServiceThatRestartsIsWaitedFor) {
  auto service = std::make_unique<FakeService>(socket_);
  ASSERT_GT(open(), 0);
  service.reset();
  std::thread restarts([&] {
    ::usleep(300'000);
    service = std::make_unique<FakeService>(socket_);
  });
  EXPECT_GT(open(), 0);
  restarts.join();
  EXPECT_EQ(service->hellos(), 1);
}

TEST_F(Session, AServiceThatDoesNotComeBackIsWaitedForOnce) {
  auto service = std::make_unique<FakeService>(socket_);
  ASSERT_GT(open(), 0);
  service.reset();
  const int64_t first = milliseconds_of([&] { EXPECT_EQ(open(), -EAGAIN); });
  EXPECT_GE(first, 800);
  EXPECT_LT(first, 1500);
  EXPECT_LT(milliseconds_of([&] {
              for (int i = 0; i < 20; ++i) EXPECT_EQ(open(), -EAGAIN);
            }), 500);
}

TEST_F(Session, WhatWillPassIsAskedAgain) {
  FakeService service(socket_, [](FakeService& self, int peer, int n) {
    if (n == 0) return false;  // it hung up
    if (n == 1) return FakeService::send(peer, wire::encode_reply({EAGAIN, Reason::kLimitSetups, 0, {}}));
    if (n == 2) return FakeService::send(peer, wire::encode_reply({EBUSY, Reason::kConnectionTaken, 0, {}}));
    return self.welcome(peer);
  });
  EXPECT_GT(open(), 0);
  EXPECT_EQ(service.hellos(), 4);
}

TEST_F(Session, ARefusalIsToldAndNotAskedAgainAtOnce) {
  FakeService service(socket_, [](FakeService&, int peer, int) {
    return FakeService::send(peer, wire::encode_reply({EPERM, Reason::kConnectionForeign, 0, {}}));
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(open(), -EPERM);
  EXPECT_EQ(sluice_last_reason(), static_cast<unsigned>(Reason::kConnectionForeign));
  EXPECT_STREQ(sluice_reason_name(sluice_last_reason()), "connection-foreign");
  EXPECT_STRNE(sluice_reason_remedy(sluice_last_reason()), "");
  EXPECT_LE(service.hellos(), 3);
}

// A later service's.
TEST_F(Session, AReasonWithoutANameIsOne) {
  FakeService service(socket_, {}, [](const wire::BackingRequest&, int) {
    return FakeService::reply_of({EACCES, 54321, 0, 0});
  });
  EXPECT_EQ(open(), -EACCES);
  EXPECT_EQ(sluice_last_reason(), 54321u);
  EXPECT_STREQ(sluice_reason_name(54321), "unknown");
  EXPECT_STRNE(sluice_reason_text(54321), "");
  EXPECT_EQ(open(), -EACCES) << "the channel goes on";
  EXPECT_EQ(service.hellos(), 1);
}

TEST_F(Session, AGreetingThatIsNoneIsRefused) {
  const std::vector<uint8_t> welcome = wire::encode_reply({0, Reason::kNone, 1, "name"});
  std::vector<uint8_t> other_version = welcome, other_magic = welcome, longer = welcome;
  other_version[4] = 9;
  other_magic[0] ^= 1;
  longer.push_back(0);
  const std::vector<std::vector<uint8_t>> greetings = {
      {}, {1}, {welcome.begin(), welcome.begin() + 23}, {welcome.begin(), welcome.end() - 1}, longer, other_magic,
      other_version, std::vector<uint8_t>(5000, 0),
      welcome,                                              // and no channels
      wire::encode_reply({-1, Reason::kKernelNoPassthrough, 0, {}}),
      wire::encode_reply({0, Reason::kConnectionForeign, 0, {}}),
      wire::encode_reply({5000, Reason::kConnectionForeign, 0, {}})};
  for (size_t i = 0; i < greetings.size(); ++i) {
    sluice_session* session = nullptr;
    ASSERT_EQ(sluice_open(device_.get(), socket_.c_str(), &session), 0);
    {
      // But for the one that lacks them, each with two descriptors.
      const std::vector<int> channels(i == 8 ? 0 : 2, 0);
      FakeService service(socket_, [&](FakeService&, int peer, int) { return FakeService::send(peer, greetings[i], channels); });
      // An empty packet is told from an end by nobody: it is asked again for a second.
      EXPECT_EQ(sluice_backing_open(session, file_.get()), i == 0 ? -EAGAIN : -EPROTO) << i;
      if (i == 6) {
        EXPECT_EQ(sluice_last_reason(), static_cast<unsigned>(Reason::kVersion));
      }
      if (i != 0) {
        EXPECT_EQ(service.hellos(), 1) << i;
      }
    }
    sluice_close(session);
  }
}

TEST_F(Session, AGreetingWithOneChannelIsRefused) {
  FakeService service(socket_, [](FakeService&, int peer, int) {
    return FakeService::send(peer, wire::encode_reply({0, Reason::kNone, 1, "name"}), {0});
  });
  EXPECT_EQ(open(), -EPROTO);
}

TEST_F(Session, TooManyChannelsAreClosed) {
  FakeService service(socket_, [](FakeService&, int peer, int) {
    return FakeService::send(peer, wire::encode_reply({0, Reason::kNone, 1, "name"}), {0, 0, 0});
  });
  const int before = ::dup(0);
  EXPECT_EQ(open(), -EPROTO);
  ::close(before);
  const int after = ::dup(0);
  EXPECT_LE(after, before + 1) << "none was left open";
  ::close(after);
}

TEST_F(Session, AConnectionThatTheServiceMakes) {
  FakeService service(socket_);
  int device = -1, mount = -1;
  sluice_session* session = nullptr;
  ASSERT_EQ(sluice_connect(socket_.c_str(), &device, &mount, &session), 0);
  EXPECT_EQ(::fcntl(device, F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(mount, F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(sluice_backing_open(session, file_.get()), 1);
  EXPECT_EQ(sluice_backing_open(session, writable_.get()), 2);
  EXPECT_EQ(service.hellos(), 1) << "its channels came along";
  // Later it is as any other.
  service.end_brokers();
  EXPECT_EQ(sluice_backing_valid(session, 1), 0);
  EXPECT_EQ(sluice_backing_open(session, file_.get()), 3);
  EXPECT_EQ(service.hellos(), 2);
  sluice_close(session);
  EXPECT_EQ(::close(device), 0);
  EXPECT_EQ(::close(mount), 0);
}

TEST_F(Session, AConnectionThatIsNotMade) {
  int device = -1, mount = -1;
  sluice_session* session = nullptr;
  EXPECT_EQ(sluice_connect(socket_.c_str(), &device, &mount, &session), -EAGAIN) << "no service";
  EXPECT_EQ(sluice_connect(nullptr, nullptr, &mount, &session), -EINVAL);
  EXPECT_EQ(sluice_connect(std::string(108, 'x').c_str(), &device, &mount, &session), -ENAMETOOLONG);
  for (const std::vector<int>& handed : {std::vector<int>{}, {0, 0}, {0, 0, 0}, {0, 0, 0, 0, 0}}) {
    FakeService service(socket_, [&](FakeService&, int peer, int) {
      return FakeService::send(peer, wire::encode_reply({0, Reason::kNone, 1, "name"}), handed);
    });
    EXPECT_EQ(sluice_connect(socket_.c_str(), &device, &mount, &session), -EPROTO) << handed.size();
  }
  {
    FakeService service(socket_, [](FakeService& self, int peer, int n) {
      return n == 0 ? FakeService::send(peer, wire::encode_reply({EAGAIN, Reason::kLimitSetups, 0, {}})) : self.welcome(peer);
    });
    ASSERT_EQ(sluice_connect(socket_.c_str(), &device, &mount, &session), 0) << "what will pass is asked again";
    sluice_close(session);
    ::close(device);
    ::close(mount);
  }
  device = mount = -1;
  FakeService service(socket_, [](FakeService&, int peer, int) {
    return FakeService::send(peer, wire::encode_reply({EPERM, Reason::kIdentityRoot, 0, {}}));
  });
  EXPECT_EQ(sluice_connect(socket_.c_str(), &device, &mount, &session), -EPERM);
  EXPECT_EQ(sluice_last_reason(), static_cast<unsigned>(Reason::kIdentityRoot));
  EXPECT_EQ(session, nullptr);
  EXPECT_EQ(device, -1);
  EXPECT_EQ(mount, -1);
}

TEST_F(Session, AnAnswerThatIsNoneEndsTheChannel) {
  const std::vector<std::vector<uint8_t>> answers = {
      {1}, std::vector<uint8_t>(15, 0), std::vector<uint8_t>(17, 0), FakeService::reply_of({0, 0, 0, 0}),
      FakeService::reply_of({0, 0, -7, 0}), FakeService::reply_of({-1, 0, 1, 0}), FakeService::reply_of({4096, 0, 1, 0})};
  FakeService service(socket_, {}, [&](const wire::BackingRequest&, int n) {
    return static_cast<size_t>(n) < answers.size() ? answers[static_cast<size_t>(n)] : FakeService::reply_of({0, 0, 5, 0});
  });
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(open(), -EPROTO) << i;
    EXPECT_EQ(sluice_last_reason(), static_cast<unsigned>(Reason::kProtocol));
    EXPECT_EQ(service.hellos(), static_cast<int>(i) + 1);
  }
  EXPECT_EQ(open(), 5);
}

TEST_F(Session, AnAnswerWithADescriptorEndsTheChannel) {
  FakeService service(socket_);
  service.attach_descriptors();
  EXPECT_EQ(open(), -EPROTO);
}

// What comes after that is no answer to what is asked next.
TEST_F(Session, AnAnswerThatIsLateIsNobodys) {
  FakeService service(socket_, {}, [](const wire::BackingRequest&, int n) {
    if (n == 0) ::usleep(5'500'000);
    return FakeService::reply_of({0, 0, 100 + n, 0});
  });
  EXPECT_EQ(open(), -ETIMEDOUT);
  ::usleep(800'000);
  EXPECT_EQ(open(), 101);
  EXPECT_EQ(service.hellos(), 2);
}

// Asked again, since nothing came of the first.
TEST_F(Session, ABrokerThatEndsBeforeItsAnswerIsReplaced) {
  FakeService service(socket_, {}, [](const wire::BackingRequest&, int n) {
    return n < 3 ? std::vector<uint8_t>() : FakeService::reply_of({0, 0, 9, 0});
  });
  EXPECT_EQ(open(), 9);
  EXPECT_EQ(service.hellos(), 4);
}

TEST_F(Session, ABrokerThatAlwaysEndsIsGivenUp) {
  FakeService service(socket_, {}, [](const wire::BackingRequest&, int) { return std::vector<uint8_t>(); });
  EXPECT_LT(milliseconds_of([&] { EXPECT_EQ(open(), -EAGAIN); }), 3000);
}

TEST_F(Session, AServiceThatDoesNotAnswerIsGivenUp) {
  FakeService service(socket_, [](FakeService&, int, int) {
    ::usleep(2'500'000);
    return false;
  });
  EXPECT_LT(milliseconds_of([&] { EXPECT_EQ(open(), -EAGAIN); }), 1800);
  EXPECT_EQ(sluice_last_reason(), static_cast<unsigned>(Reason::kTimeout));
}

TEST_F(Session, ManyThreadsShareIt) {
  FakeService service(socket_);
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  std::mutex mutex;
  std::set<int> ids;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        const int id = sluice_backing_open(session_, t % 2 == 0 ? file_.get() : writable_.get());
        {
          const std::lock_guard lock(mutex);
          if (!ids.insert(id).second) ++failures;  // the answer to another's request
        }
        if (id <= 0 || sluice_backing_close(session_, id) != 0) ++failures;
        if (t == 0 && i % 100 == 50) service.end_brokers();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

// Whoever makes the channels anew ends the broker that there is, and its ids: only one does.
TEST_F(Session, OfTwoThreadsThatLoseABrokerOneConnects) {
  for (int round = 0; round < 5; ++round) {
    FakeService* self = nullptr;
    FakeService service(socket_, {}, [&](const wire::BackingRequest&, int n) {
      if (n >= 2) return FakeService::reply_of({0, 0, n, 0});
      for (int i = 0; i < 1000 && self->requests() < 2; ++i) ::usleep(1000);
      return std::vector<uint8_t>();  // both end
    });
    self = &service;
    std::thread other([&] { EXPECT_GT(sluice_backing_open(session_, writable_.get()), 0); });
    EXPECT_GT(open(), 0);
    other.join();
    EXPECT_EQ(service.hellos(), 2);
  }
}

TEST_F(Session, AnIdEndsWithTheBrokerThatGaveIt) {
  FakeService service(socket_);
  EXPECT_EQ(sluice_backing_valid(session_, 0), 0);
  EXPECT_EQ(sluice_backing_valid(session_, -5), 0);
  EXPECT_EQ(sluice_backing_valid(session_, 7), 1) << "nobody has given any";
  const int first = open(), second = sluice_backing_open(session_, writable_.get());
  for (const int id : {first, second}) EXPECT_EQ(sluice_backing_valid(session_, id), 1);
  service.end_brokers();
  for (const int id : {first, second}) EXPECT_EQ(sluice_backing_valid(session_, id), 0) << "nobody was asked since";
  const int third = open();
  EXPECT_EQ(sluice_backing_valid(session_, third), 1);
  for (const int id : {first, second}) EXPECT_EQ(sluice_backing_valid(session_, id), 0);
  EXPECT_EQ(sluice_backing_valid(nullptr, third), -EINVAL);
  // Those of the process that it is a copy of are not its own, and not for it to rely on.
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool ended = sluice_backing_valid(session_, third) == 0;
    const int own = open();
    ::_exit(ended && own > 0 && sluice_backing_valid(session_, own) == 1 && sluice_backing_valid(session_, third) == 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(sluice_backing_valid(session_, third), 1);
}

// The kernel's numbers begin anew after the last.
TEST_F(Session, IdsAfterTheLastNumberAreLater) {
  constexpr int32_t kLast = 0x7fffffff;
  FakeService service(socket_, {}, [](const wire::BackingRequest&, int n) {
    const int32_t ids[] = {kLast - 1, kLast, 1, 2};
    return FakeService::reply_of({0, 0, ids[n], 0});
  });
  ASSERT_EQ(open(), kLast - 1);
  ASSERT_EQ(open(), kLast);
  service.end_brokers();
  ASSERT_EQ(open(), 1);
  for (const int id : {kLast - 1, kLast}) EXPECT_EQ(sluice_backing_valid(session_, id), 0) << id;
  EXPECT_EQ(sluice_backing_valid(session_, 1), 1);
  ASSERT_EQ(open(), 2);
  service.end_brokers();
  for (const int id : {kLast, 1, 2}) EXPECT_EQ(sluice_backing_valid(session_, id), 0) << id;
}

// Nor do they take the place of a standard descriptor that the program has closed.
TEST_F(Session, NoProgramKeepsItsDescriptorsOverExec) {
  FakeService service(socket_);
  const int input = ::fcntl(0, F_DUPFD_CLOEXEC, 100);
  ::close(0);
  sluice_session* session = nullptr;
  ASSERT_EQ(sluice_open(device_.get(), socket_.c_str(), &session), 0);
  const bool taken = ::fcntl(0, F_GETFD) >= 0;
  ::dup2(input, 0);
  ::close(input);
  EXPECT_FALSE(taken);
  EXPECT_GT(sluice_backing_open(session, file_.get()), 0);
  for (int fd = 3; fd < 200; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    char name[32] = {};
    const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof(name) - 1);
    const bool ours = length > 0 && (std::string_view(name).starts_with("/dev/fuse") || std::string_view(name).starts_with("socket:"));
    if (ours) {
      EXPECT_TRUE(flags & FD_CLOEXEC) << fd << " " << name;
    }
  }
  sluice_close(session);
}

std::atomic<int> alarms{0};

TEST_F(Session, SignalsCutNothingShort) {
  FakeService service(socket_, {}, [](const wire::BackingRequest&, int n) {
    ::usleep(300);  // asleep when the signal comes
    return FakeService::reply_of({0, 0, n + 1, 0});
  });
  struct sigaction action {};
  action.sa_handler = [](int) { ++alarms; };  // without SA_RESTART
  struct sigaction before;
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  const struct itimerval often {{0, 200}, {0, 200}}, never {};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(open(), i + 1);
  ASSERT_EQ(::setitimer(ITIMER_REAL, &never, nullptr), 0);
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
  EXPECT_GT(alarms, 20);
  EXPECT_EQ(service.requests(), 200);
}

// The copy's requests are not on the channels of the process that it is a copy of.
TEST_F(Session, AForkedProcessHasChannelsOfItsOwn) {
  FakeService service(socket_);
  ASSERT_GT(open(), 0);
  for (int i = 0; i < 3; ++i) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      bool good = true;
      for (int j = 0; j < 100; ++j) good = open() > 0 && good;
      ::_exit(good ? 0 : 1);
    }
    for (int j = 0; j < 100; ++j) EXPECT_GT(open(), 0);
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(service.hellos(), 4);
}

// A thread that the copy does not have holds the lock in it.
TEST_F(Session, AForkDuringARequestHangsNobody) {
  FakeService service(socket_, {}, [](const wire::BackingRequest&, int n) {
    ::usleep(2000);
    return FakeService::reply_of({0, 0, n + 1, 0});
  });
  ASSERT_GT(open(), 0);
  std::atomic<bool> done{false};
  std::thread busy([&] {
    while (!done) EXPECT_GT(open(), 0);
  });
  for (int i = 0; i < 5; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(5);
      ::_exit(open() > 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  done = true;
  busy.join();
}

TEST_F(Session, ACancelledThreadLeavesTheSessionWhole) {
  FakeService service(socket_, {}, [](const wire::BackingRequest&, int n) {
    ::usleep(1000);
    return FakeService::reply_of({0, 0, n + 1, 0});
  });
  for (int i = 0; i < 5; ++i) {
    pthread_t thread;
    ASSERT_EQ(::pthread_create(&thread, nullptr, [](void* self) -> void* {
      for (;;) {
        (void)static_cast<Session*>(self)->open();
        ::pthread_testcancel();
      }
      return nullptr;
    }, this), 0);
    ::usleep(3500);
    ASSERT_EQ(::pthread_cancel(thread), 0);
    ASSERT_EQ(::pthread_join(thread, nullptr), 0);
  }
  EXPECT_GT(open(), 0);
}

TEST(Version, IsThePackages) { EXPECT_STREQ(sluice_version(), SLUICE_VERSION); }

}  // namespace
}  // namespace sluice::clients
