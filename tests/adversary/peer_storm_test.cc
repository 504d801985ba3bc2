// Peers in numbers, and peers that end in the middle: afterwards nothing of them is left, and meanwhile
// others are served. Invariants: places are counted by user, before a process is made
// (Service::admit); what a set-up process made ends with it unless the main process has taken it over
// (Service::add_view); and whatever ended is reaped.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "core/limits.h"
#include "core/reason_text.h"
#include "hostile_worker.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

void become_user() {
  if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) ::_exit(1);
}
os::Fd source_fd(const std::string& source) {
  return os::Fd(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}
std::vector<uint8_t> full_hello() {
  wire::Hello hello = view_hello(kUser, {".env", "*.key"});
  hello.name = "storm";
  return wire::encode_hello(hello);
}

// Attackers that go on until they are killed; meanwhile others are served.
void attack_meanwhile(const char* what, const Body& attack) {
  RunningService service;
  service.note();
  {
    Program attacker([&] {
      become_user();
      for (;;) attack();
    });
    ::usleep(300'000 * persistence());
    service.expect_serves_others(std::string("during: ") + what);
    ::usleep(700'000 * persistence());
    service.expect_serves_others(std::string("still during: ") + what);
  }
  service.expect_as_noted(what);
}

ATTACK(PeerStorm, ConnectsThatSayNothing) {
  attack_meanwhile("connects", [] {
    os::Fd some[16];
    for (os::Fd& one : some) one = connected();
  });
}

ATTACK(PeerStorm, ConnectsWithGarbage) {
  attack_meanwhile("garbage", [] {
    const os::Fd socket = connected();
    const uint8_t garbage[] = "garbage";
    (void)send_raw(socket.get(), garbage);
  });
}

// A million requests on one connection, of which one is served.
ATTACK(PeerStorm, Pipelining) {
  attack_meanwhile("pipelining", [] {
    const os::Fd socket = connected();
    const std::vector<uint8_t> hello = wire::encode_hello(wire::Hello{});
    for (int i = 0; i < 10000 && ::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0; ++i) {
    }
  });
}

// Whoever does not read holds only a place of their own.
ATTACK(PeerStorm, RepliesThatAreNotRead) {
  attack_meanwhile("unread replies", [] {
    static std::vector<os::Fd> all;
    if (all.size() > 500) all.clear();
    all.push_back(connected());
    (void)send_raw(all.back().get(), wire::encode_hello(wire::Hello{}));
  });
}

// Views that begin and end as fast as it goes, by somebody who does not look at them.
ATTACK(PeerStorm, ViewsThatNobodyTakes) {
  static const std::string source = make_source("source", kUser);
  attack_meanwhile("views", [] {
    const os::Fd directory = source_fd(source);
    const os::Fd socket = connected();
    (void)send_raw(socket.get(), wire::encode_hello(view_hello(kUser)), {directory.get()});
    ::usleep(5000);
  });
}

// Invariant: one packet is one hello, and a shorter one is none (decode_hello).
ATTACK(PeerStorm, HellosCutAtEveryByte) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  service.note();
  in_process(kUser, 15, [&] {
    const os::Fd directory = source_fd(source);
    const std::vector<uint8_t> whole = full_hello();
    for (size_t length = 1; length < whole.size(); ++length) {
      os::Fd socket = connected();
      ASSERT_TRUE(send_raw(socket.get(), {whole.data(), length}, {directory.get()}));
      const Heard heard = hear(socket.get());
      ASSERT_EQ(core::reason_name(heard.reason), "protocol") << length << " bytes";
      ASSERT_FALSE(heard.mount) << length << " bytes";
    }
    // And the rest of it in a second packet does not make it whole.
    const os::Fd socket = connected();
    const size_t half = whole.size() / 2;
    (void)send_raw(socket.get(), {whole.data(), half}, {directory.get()});
    (void)send_raw(socket.get(), {whole.data() + half, whole.size() - half});
    EXPECT_EQ(core::reason_name(hear(socket.get()).reason), "protocol");
  });
  service.expect_as_noted("hellos cut at every byte");
}

ATTACK(PeerStorm, OtherVersions) {
  RunningService service;
  service.note();
  std::vector<uint8_t> hello = wire::encode_hello(wire::Hello{});
  for (const uint32_t version : {0u, 2u, 0x01000000u, ~0u}) {
    std::memcpy(hello.data() + sizeof(uint32_t), &version, sizeof(version));
    const os::Fd socket = connected();
    ASSERT_TRUE(send_raw(socket.get(), hello));
    EXPECT_EQ(core::reason_name(hear(socket.get()).reason), "version") << version;
  }
  service.expect_as_noted("other versions");
}

// Dies with a cut hello on its way, at every byte.
ATTACK(PeerStorm, DyingAtEveryByte) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  service.note();
  Program attacker([&] {
    become_user();
    const os::Fd directory = source_fd(source);
    const std::vector<uint8_t> whole = full_hello();
    for (size_t length = 0; length <= whole.size(); ++length) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        const os::Fd socket = connected();
        (void)send_raw(socket.get(), {whole.data(), length}, {directory.get()});
        ::kill(::getpid(), SIGKILL);
      }
      ::waitpid(pid, nullptr, 0);
    }
  });
  EXPECT_TRUE(attacker.ended(10000));
  service.expect_as_noted("dying at every byte");
}

// Killed at any moment while its view is made, in the middle of each step of set-up. Views that are
// not tied to their peer stay, and are ended by name.
ATTACK(PeerStorm, KilledWhileItsViewIsMade) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  service.note();
  std::minstd_rand random(20260101);
  const int rounds = 60 * persistence();
  for (int round = 0; round < rounds; ++round) {
    Program peer([&] {
      become_user();
      const os::Fd directory = source_fd(source);
      const os::Fd socket = connected();
      (void)send_raw(socket.get(), wire::encode_hello(view_hello(kUser)), {directory.get()});
      ::pause();
    });
    ::usleep(static_cast<unsigned>(random() % 25000));
    peer.signal(SIGKILL);
  }
  service.expect_as_noted("peers killed while their view was made");
}

// The same for set-up's own processes: whatever a set-up process made ends with it.
ATTACK(PeerStorm, SetupProcessesKilled) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  service.note();
  std::minstd_rand random(20260102);
  const os::Fd directory = source_fd(source);
  const pid_t maker = service.maker();
  int killed = 0;
  for (int round = 0; round < 40 * persistence(); ++round) {
    const os::Fd socket = connected();
    (void)send_raw(socket.get(), wire::encode_hello(view_hello(kUser)), {directory.get()});
    ::usleep(static_cast<unsigned>(random() % 15000));
    for (const Found& process : processes()) {
      if (process.parent == maker && process.name == "sluiced-maker") killed += ::kill(process.pid, SIGKILL) == 0;
    }
    const Heard heard = hear(socket.get());
    EXPECT_FALSE(heard.nothing) << "a peer whose set-up process died waits";
  }
  EXPECT_GT(killed, 0);
  service.expect_as_noted("killed set-up processes");
}

// Invariant: the places of one user (Limits::kSetupsPerUser).
ATTACK(PeerStorm, OneUserHasOnlyItsPlaces) {
  RunningService service;
  service.note();
  {
    Program attacker([&] {
      become_user();
      std::vector<os::Fd> all;
      for (int i = 0; i < 400; ++i) all.push_back(connected());
      ::pause();
    });
    ::usleep(400'000);
    size_t setups = 0;
    for (const Found& process : processes()) setups += process.parent == service.maker();
    EXPECT_LE(setups, core::Limits::kSetupsPerUser);
    EXPECT_GE(setups, 1u);
    service.expect_serves_others("beside 400 silent connections");
  }
  service.expect_as_noted("400 silent connections");
}

}  // namespace
}  // namespace sluice::adversary
