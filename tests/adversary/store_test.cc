// A service that ends, and the next one. Invariants: views, what is open in them and their processes go on while there is no
// service, and the next takes them over with all that it has to know (src/service/takeover.cc); of what it is handed it takes
// nothing that the kernel does not vouch for, and refuses that view alone (src/service/store.cc).
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

#include "core/grafts.h"
#include "core/limits.h"
#include "core/reason_text.h"
#include "os/socket.h"
#include "store_stage.h"

namespace sluice::adversary {
namespace {

void expect_goes_on(With with) {
  const std::string source = source_of_victim();
  Host host(with);
  host.start();
  auto view = std::make_unique<View>(source, kVictim, std::vector<std::string_view>{"secret"}, false, 0, "view");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  const pid_t broker = the("sluice-broker");
  pid_t worker = the("sluice-worker");
  User user(*view);
  user.expect_content("before");
  for (const bool killed : {true, false, true}) {
    SCOPED_TRACE(killed ? "killed" : "told to end");
    host.end(killed);
    user.expect_content("without a service");
    EXPECT_TRUE(reads(*view));
    host.start();
    user.expect_content("with the next");
    EXPECT_EQ(the("sluice-broker"), broker);
    EXPECT_EQ(the("sluice-worker"), worker);
    EXPECT_EQ(host.stored_views(), 1u);
    EXPECT_NE(host.log().find("event=view-taken-over"), std::string::npos) << host.log();
    std::string listed;
    EXPECT_EQ(run_program({kSluice, "ls"}, &listed, 5, [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0);
    EXPECT_NE(listed.find("view-1"), std::string::npos) << listed;
    // It watches over them as the one before did.
    kill_all("sluice-worker");
    user.expect_content("after the end of a worker");
    EXPECT_TRUE(host.logs("event=worker-replaced"));
    worker = the("sluice-worker");
    EXPECT_NE(host.log().find("signal=\"9\""), std::string::npos) << host.log();
    EXPECT_TRUE(reads(*view));
    EXPECT_TRUE(is_hidden(*view, "secret"));
  }
  user.stop();
  // Who holds the view ends it, of whatever service.
  view.reset();
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; }));
  host.terminate();
  EXPECT_EQ(host.log().find("views-left"), std::string::npos) << host.log();
}
ATTACK_WITHIN(ServiceStore, AViewAndWhatIsOpenInItGoOnWithoutAServiceAndWithTheNext, 60) { expect_goes_on(With::kManager); }
ATTACK_WITHIN(ServiceKeeper, AViewAndWhatIsOpenInItGoOnWithoutAServiceAndWithTheNext, 60) { expect_goes_on(With::kKeeper); }

void expect_replaced_meanwhile(const char* process, With with = With::kManager) {
  const std::string source = source_of_victim();
  Host host(with);
  host.start();
  const View view(source, kVictim, {"secret"});
  User user(view);
  user.expect_content("before");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  for (int i = 0; i < 3; ++i) {
    if (i == 2) host.reap_nobody();
    host.kill();
    const pid_t before = the(process);
    kill_all(process);
    host.start();
    user.expect_content("after both");
    EXPECT_TRUE(host.logs("event=worker-replaced"));
    EXPECT_TRUE(soon(2000, [&] { return named(process).size() == 1; }));
    EXPECT_NE(the(process), before);
    EXPECT_TRUE(reads(view));
    EXPECT_TRUE(is_hidden(view, "secret"));
  }
  user.stop();
}
// One without a worker, since it needs none, is taken over as that: no restart wakes all that rest.
ATTACK_WITHIN(ServiceStore, AViewThatRestsGoesOnResting, 60) {
  const std::string source = source_of_victim();
  Host host;
  host.start(std::vector<std::string>{"--worker-idle", "1"});
  const View view(source, kVictim, {"secret"});
  EXPECT_TRUE(reads(view));
  for (const bool killed : {true, false}) {
    SCOPED_TRACE(killed ? "killed" : "told to end");
    EXPECT_TRUE(soon(15'000, [&] { return named("sluice-worker").empty(); })) << host.log();
    EXPECT_TRUE(host.logs("event=worker-rests"));
    host.end(killed);
    host.start();
    EXPECT_TRUE(host.logs("event=view-taken-over"));
    EXPECT_FALSE(soon(1000, [&] { return !named("sluice-worker").empty(); })) << "the next service wakes it: " << host.log();
    EXPECT_TRUE(reads(view));
    EXPECT_TRUE(is_hidden(view, "secret"));
    EXPECT_TRUE(host.logs("event=worker-woken"));
    EXPECT_EQ(host.log().find("event=worker-ended"), std::string::npos) << host.log();
  }
}

ATTACK_WITHIN(ServiceStore, AWorkerThatEndedMeanwhileIsReplaced, 40) { expect_replaced_meanwhile("sluice-worker"); }
ATTACK_WITHIN(ServiceStore, ABrokerThatEndedMeanwhileIsReplaced, 40) { expect_replaced_meanwhile("sluice-broker"); }
ATTACK_WITHIN(ServiceKeeper, ABrokerThatEndedMeanwhileIsReplaced, 40) {
  expect_replaced_meanwhile("sluice-broker", With::kKeeper);
}

// Worker and service, one soon after the other, at any instant of what the other does about it.
void expect_nothing_lost(With with) {
  const std::string source = source_of_victim();
  Host host(with);
  host.start();
  auto view = std::make_unique<View>(source, kVictim, std::vector<std::string_view>{"secret"});
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  User user(*view);
  user.expect_content("before");
  uint64_t state = 0x9E3779B97F4A7C15u;
  const auto pause = [&state](uint64_t most_microseconds) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    ::usleep(static_cast<useconds_t>((state >> 33) % most_microseconds));
  };
  for (int i = 0; i < 40 * persistence(); ++i) {
    SCOPED_TRACE(i);
    pause(20'000);
    kill_all("sluice-worker");
    pause(i % 2 == 0 ? 3'000 : 20'000);
    i % 5 == 4 ? host.terminate() : host.kill();
    pause(10'000);
    if (i % 3 == 0) kill_all("sluice-worker");
    host.start();
    // It forgives one end of a worker in a second; the next service all.
    if (i % 8 == 7) user.expect_content("after some rounds");
  }
  user.expect_content("after all of it");
  EXPECT_TRUE(is_hidden(*view, "secret"));
  user.stop();
  EXPECT_EQ(named("sluice-worker").size(), 1u);
  EXPECT_EQ(named("sluice-broker").size(), 1u);
  view.reset();
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; }));
}
ATTACK_WITHIN(ServiceStore, WhateverIsKilledWheneverNothingIsLost, 60) { expect_nothing_lost(With::kManager); }
ATTACK_WITHIN(ServiceKeeper, WhateverIsKilledWheneverNothingIsLost, 60) { expect_nothing_lost(With::kKeeper); }

// With as many grafts as there may be; of every owner, with device nodes and without; tied to nobody, for reading only.
void expect_every_kind_taken_over(With with) {
  const std::string source = source_of_victim();
  ASSERT_EQ(::mount(source.c_str(), source.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, source.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_NODEV, nullptr), 0);
  Host host(with);
  host.start(std::vector<std::string>{"--preserve", "--device-nodes"});
  const os::Fd directory = opened(source.c_str(), O_PATH | O_DIRECTORY);
  std::vector<os::Fd> mounts, connections;
  const auto add = [&](const std::function<void(wire::Hello&)>& change) {
    wire::Hello hello = view_hello(kVictim);
    change(hello);
    Heard heard = ask(hello, std::vector<int>(1 + hello.grafts.size(), directory.get()), &connections.emplace_back());
    EXPECT_TRUE(heard.mount) << core::reason_name(heard.reason);
    mounts.push_back(std::move(heard.mount));
  };
  add([](wire::Hello& hello) {
    hello.named_identity = false;
    hello.preserve = true;
  });
  add([](wire::Hello& hello) {
    hello.named_identity = false;
    hello.preserve = hello.device_nodes = true;
  });
  add([](wire::Hello& hello) {
    for (char name = 'a'; hello.grafts.size() < core::kMostGrafts; ++name) {
      EXPECT_EQ(::mkdir((work_dir() + "/source/" + name).c_str(), 0755), 0);
      hello.grafts.push_back({std::string(1, name), name == 'b'});
    }
  });
  add([](wire::Hello& hello) { hello.tied = false, hello.read_only = true; });
  connections.pop_back();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 4; }));
  host.kill();
  kill_all("sluice-worker");
  host.start();
  const auto serve = [&] {
    for (const os::Fd& mount : mounts) {
      EXPECT_TRUE(in_process(kVictim, 8, [&] {
        char content[16] = {};
        const os::Fd file(::openat(mount.get(), "file", O_RDONLY | O_CLOEXEC));
        EXPECT_EQ(::read(file.get(), content, sizeof(content)), 8) << "errno " << errno;
      })) << host.log();
    }
  };
  serve();
  host.kill();
  host.start();
  serve();
  // Its broker may still, and that of the other one may not: the service that came after was not asked.
  EXPECT_TRUE(in_process(0, 8, [&] {
    EXPECT_EQ(::mknodat(mounts[1].get(), "null", S_IFCHR | 0600, makedev(1, 3)), 0) << "errno " << errno;
    EXPECT_NE(::mknodat(mounts[0].get(), "another", S_IFCHR | 0600, makedev(1, 3)), 0);
  })) << host.log();
  EXPECT_EQ(host.log().find("stored-view-refused"), std::string::npos) << host.log();
  const std::string log = host.log();
  size_t taken = 0;
  for (size_t at = 0; (at = log.find("event=view-taken-over", at)) != std::string::npos; ++at) ++taken;
  EXPECT_EQ(taken, 4u) << log;
}
ATTACK_WITHIN(ServiceStore, EveryKindOfViewIsTakenOver, 40) { expect_every_kind_taken_over(With::kManager); }
ATTACK_WITHIN(ServiceKeeper, EveryKindOfViewIsTakenOver, 40) { expect_every_kind_taken_over(With::kKeeper); }

// What ended meanwhile ends now, for who waits too.
void expect_gone(With with) {
  const std::string source = source_of_victim();
  for (const std::string what : {"client", "mount"}) {
    SCOPED_TRACE(what);
    Host host(with);
    host.start();
    auto view = std::make_unique<View>(source, kVictim);
    EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
    host.kill();
    if (what == "client") view.reset();
    if (what == "mount") ::umount2(view->path().c_str(), MNT_DETACH);
    host.start();
    EXPECT_TRUE(soon(4000, none_left)) << host.log();
    EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; }));
    EXPECT_NE(host.log().find("event=view-ended"), std::string::npos) << host.log();
    view.reset();
    ::unlink(kSocket), ::unlink(kNotify);
  }
}
ATTACK_WITHIN(ServiceStore, AViewThatEndedMeanwhileIsGone, 40) { expect_gone(With::kManager); }
ATTACK_WITHIN(ServiceKeeper, AViewThatEndedMeanwhileIsGone, 40) { expect_gone(With::kKeeper); }

// No store any more: as when the service is stopped for good.
ATTACK(ServiceStore, WithoutTheManagersStoreAllEnds) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.terminate();
  EXPECT_NE(host.log().find("event=views-left"), std::string::npos) << host.log();
  EXPECT_TRUE(reads(view));
  host.forget_all();
  EXPECT_TRUE(soon(4000, none_left));
  EXPECT_EQ(::access(view.path("file").c_str(), F_OK), -1) << "the connection is held by somebody";
}

// An administrator took the option out of the unit.
ATTACK(ServiceStore, AServiceWithoutTheOptionEndsThem) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.terminate();
  host.without_the_option();
  host.start();
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
  EXPECT_EQ(host.stored_views(), 0u);
  EXPECT_NE(host.log().find("what=\"without --store-views\""), std::string::npos) << host.log();
  const View next(source, kVictim, {}, false, 0, "next");
  EXPECT_TRUE(reads(next));
  EXPECT_EQ(host.stored_views(), 0u);
}

// It is told when it listens again; until then it holds nothing.
ATTACK(ServiceStore, AManagerThatDoesNotListenHoldsNoView) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  auto view = std::make_unique<View>(source, kVictim);
  const View other(source, kVictim, {}, false, 0, "other");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
  host.listen(false);
  wire::Hello end;
  end.kind = wire::HelloKind::kEnd;
  end.name = "view-1";
  EXPECT_FALSE(ask(end, {}).closed);
  // The connection has ended, for who is in the view too.
  const std::string file = view->path("file");
  EXPECT_TRUE(soon(4000, [&] {
    return run_program({"/bin/true"}, nullptr, 2, [&] {
      struct stat stat;
      if (::setresgid(kVictim, kVictim, kVictim) != 0 || ::setresuid(kVictim, kVictim, kVictim) != 0) ::_exit(2);
      ::_exit(::stat(file.c_str(), &stat) == -1 && errno == ENOTCONN ? 0 : 1);
    }) == 0;
  })) << host.log();
  host.listen(true);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  EXPECT_TRUE(reads(other));
}

void expect_other_rules(With with) {
  const std::string source = source_of_victim();
  Host host(with);
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(reads(view, "secret", "secret\n"));
  EXPECT_EQ(run_program({kSluice, "reload", "view-1", "--hide", "secret"}, nullptr, 5,
                        [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0);
  EXPECT_TRUE(is_hidden(view, "secret"));
  host.kill();
  host.start();
  EXPECT_TRUE(is_hidden(view, "secret"));
  kill_all("sluice-worker");
  EXPECT_TRUE(reads(view));
  EXPECT_TRUE(host.logs("event=worker-replaced"));
  EXPECT_TRUE(is_hidden(view, "secret")) << "by the next worker";
  // Where the worker has ended when the next service tells it, too.
  for (int i = 0; i < 5; ++i) {
    host.kill();
    kill_all("sluice-worker");
    host.start();
    EXPECT_TRUE(reads(view)) << host.log();
    EXPECT_TRUE(is_hidden(view, "secret"));
    EXPECT_TRUE(host.logs("event=worker-replaced"));
  }
  // And others again, which the next service asks the same processes for.
  EXPECT_EQ(run_program({kSluice, "reload", "view-1", "--hide", "file"}, nullptr, 5,
                        [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0);
  EXPECT_TRUE(is_hidden(view, "file"));
  EXPECT_TRUE(reads(view, "secret", "secret\n")) << host.log();
}
ATTACK_WITHIN(ServiceStore, OtherRulesHoldWithTheNextService, 40) { expect_other_rules(With::kManager); }
ATTACK_WITHIN(ServiceKeeper, OtherRulesHoldWithTheNextService, 40) { expect_other_rules(With::kKeeper); }

// Names, numbers and real uids of views are nobody else's, whichever service gave them.
ATTACK_WITHIN(ServiceStore, ANewViewHasNothingOfAnOldOnes, 40) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View first(source, kVictim, {}, false, 0, "first");
  const View second(source, kVictim, {}, false, 0, "second");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
  host.kill();
  host.start();
  const View third(source, kVictim, {}, false, 0, "third");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 3; }));
  std::vector<std::string> names, uids;
  for (const auto& [name, fd] : host.stored()) names.push_back(name);
  for (const pid_t broker : named("sluice-broker")) uids.push_back(field_of(broker, "Uid"));
  for (auto* all : {&names, &uids}) {
    std::sort(all->begin(), all->end());
    EXPECT_EQ(std::unique(all->begin(), all->end()) - all->begin(), 3) << (*all)[0];
  }
  for (const View* view : {&first, &second, &third}) EXPECT_TRUE(reads(*view));
}

// ---- What is forged ----

os::Fd copied_to_memory(int file) {
  os::Fd memory(::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  char bytes[65536];
  const ssize_t length = ::pread(file, bytes, sizeof(bytes), 0);
  EXPECT_GT(length, 0);
  EXPECT_EQ(::pwrite(memory.get(), bytes, static_cast<size_t>(length), 0), length);
  return memory;
}
os::Fd channel_of(uint32_t uid) {
  int fds[2];
  EXPECT_EQ(::seteuid(uid), 0);
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  EXPECT_EQ(::seteuid(0), 0);
  static std::vector<os::Fd> others;
  others.emplace_back(fds[1]);
  return os::Fd(fds[0]);
}
// As many bytes, other content, in place.
void put(std::vector<uint8_t>& bytes, size_t at, uint32_t value) { std::memcpy(bytes.data() + at, &value, sizeof(value)); }

// By the right path: of another mount namespace, which stays for a while.
os::Fd program_elsewhere() {
  auto pair = os::socket_pair();
  EXPECT_TRUE(pair.ok());
  static std::unique_ptr<Program> holder;
  holder = std::make_unique<Program>([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("/bin/true", "/run/bin/sluice-worker", nullptr, MS_BIND, nullptr), 0);
    const os::Fd program = opened("/run/bin/sluice-worker", O_PATH);
    const int fd = program.get();
    const uint8_t word = 1;
    ASSERT_TRUE(os::send_message(pair->first.get(), {&word, 1}, {&fd, 1}).ok());
    ::pause();
  });
  uint8_t word;
  auto message = os::receive_message(pair->second.get(), {&word, 1}, 1);
  EXPECT_TRUE(message.ok() && message->fds.size() == 1);
  return message.ok() && !message->fds.empty() ? std::move(message->fds[0]) : os::Fd();
}

using Change = std::function<void(Forgery&, const Forgery& other)>;
struct Case {
  std::string says;  // what cannot be right
  Change change;
  bool own_link = true;
  uint32_t made_by = 0;
};

std::vector<Case> forgeries() {
  const auto null = [] { return opened("/dev/null", O_RDWR); };
  std::vector<Case> cases = {
      {"record", [](Forgery& of, const Forgery&) { of.bytes.pop_back(); }},
      {"record\" reason=\"version", [](Forgery& of, const Forgery&) { put(of.bytes, 4, 3); }},
      {"record\" reason=\"version", [](Forgery& of, const Forgery&) { put(of.bytes, 4, 0); }},
      {"record", [](Forgery& of, const Forgery&) { put(of.bytes, 92, 1); }},
      {"name", [](Forgery& of, const Forgery&) { of.name = "view-999"; }},
      {"name", [](Forgery& of, const Forgery&) { of.name = "stored"; }},
      {"descriptors", [](Forgery& of, const Forgery&) { of.fds.pop_back(); }},
      {"descriptors", [](Forgery& of, const Forgery&) { of.fds.push_back(opened("/dev/null", O_RDWR)); }},
      {"descriptors", [](Forgery& of, const Forgery&) { of.fds.clear(); }},
      {"descriptors", [](Forgery& of, const Forgery&) { put(of.bytes, 68, 2); }},  // trees
      {"device", [null](Forgery& of, const Forgery&) { of.fds[kDevice] = null(); }},
      {"device", [](Forgery& of, const Forgery& other) { of.fds[kDevice] = os::Fd(::dup(other.fds[kDevice].get())); }},
      {"broker", [null](Forgery& of, const Forgery&) { of.fds[kBroker] = null(); }},
      {"broker", [](Forgery& of, const Forgery&) { of.fds[kBroker] = os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))); }},
      {"broker", [](Forgery& of, const Forgery& other) { of.fds[kBroker] = os::Fd(::dup(other.fds[kBroker].get())); }},
      {"broker", [](Forgery& of, const Forgery&) { put(of.bytes, 56, 1); }},
      {"broker", [](Forgery& of, const Forgery&) {  // by a number that it says itself
         of.fds[kBroker] = os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
         put(of.bytes, 56, static_cast<uint32_t>(::getpid()));
       }},
      {"worker", [](Forgery& of, const Forgery& other) { of.fds[kWorker] = os::Fd(::dup(other.fds[kWorker].get())); }},
      {"worker", [](Forgery& of, const Forgery&) {
         of.fds[kWorker] = os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
         put(of.bytes, 60, static_cast<uint32_t>(::getpid()));
       }},
      {"events", [null](Forgery& of, const Forgery&) { of.fds[kBrokerEvents] = null(); }},
      {"events", [](Forgery& of, const Forgery&) { of.fds[kWorkerEvents] = channel_of(kVictim); }},
      {"events", [](Forgery& of, const Forgery&) { of.fds[kWorkerEvents] = os::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }},
      {"counters", [](Forgery& of, const Forgery&) { of.fds[kCounters] = copied_to_memory(of.fds[kCounters].get()); }},
      {"counters", [](Forgery& of, const Forgery&) { of.fds[kCounters] = os::Fd(::dup(of.fds[kTable].get())); }},
      {"client", [](Forgery& of, const Forgery&) { of.fds[kPeer] = channel_of(kVictim); }},
      {"descriptors", [null](Forgery& of, const Forgery&) { of.more = null(); }},
      {"park", [null](Forgery& of, const Forgery&) { of.park = null(); }},
      {"park", [](Forgery& of, const Forgery&) { of.park = channel_of(kVictim); }},
      {"descriptors", [](Forgery& of, const Forgery&) { of.park = channel_of(0); }},
      {"channel", [null](Forgery& of, const Forgery&) { of.fds[kData] = null(); }},
      {"table", [](Forgery& of, const Forgery&) { of.fds[kTable] = os::Fd(::dup(of.fds[kCounters].get())); }},
      {"record of touches", [](Forgery& of, const Forgery&) { of.fds[kRecord] = os::Fd(::dup(of.fds[kRoot].get())); }},
      {"record of touches", [](Forgery& of, const Forgery&) { of.fds[kRecord] = opened("/run/bin/sluiced", O_RDONLY); }},
      {"program", [](Forgery& of, const Forgery&) { of.fds[kProgram] = opened("/run/bin/sluice-broker", O_PATH); }},
      {"program", [](Forgery& of, const Forgery&) { of.fds[kProgram] = os::Fd(::dup(of.fds[kTable].get())); }},
      {"program", [](Forgery& of, const Forgery&) { of.fds[kProgram] = program_elsewhere(); }},
      {"program of the broker", [](Forgery& of, const Forgery&) { of.fds[kBrokerProgram] = opened("/run/bin/sluice-worker", O_PATH); }},
      {"ledger", [](Forgery& of, const Forgery&) { of.fds[kLedger] = copied_to_memory(of.fds[kLedger].get()); }},
      {"tree", [](Forgery& of, const Forgery&) { of.fds[kRoot] = opened("/run/bin/sluiced", O_PATH); }},
      {"tree", [](Forgery& of, const Forgery&) { of.fds[kRoot] = opened("/", O_RDONLY | O_DIRECTORY); }},
      {"configuration", [](Forgery& of, const Forgery&) { of.fds[kStart] = copied_to_memory(of.fds[kStart].get()); }},
      {"configuration", [](Forgery& of, const Forgery& other) { of.fds[kStart] = os::Fd(::dup(other.fds[kStart].get())); }},
      {"configuration", [](Forgery& of, const Forgery&) { put(of.bytes, 24, 0); }},  // uid
      {"configuration", [](Forgery& of, const Forgery&) { of.bytes[64] |= 16; }},    // device nodes
      {"socket", [](Forgery& of, const Forgery&) { of.fds[kLink] = channel_of(0); }, false},
      {"socket", [](Forgery&, const Forgery&) {}, true, kVictim},
  };
  return cases;
}

// Its record is another one; its workers know nothing of resting.
ATTACK_WITHIN(ServiceStore, AViewOfTheServiceBeforeVersionTwoGoesOn, 40) {
  const std::string source = source_of_victim();
  Host host;
  host.start(std::vector<std::string>{"--worker-idle", "1"});
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  const auto stored = host.stored();
  Forgery first = look_into(stored[0]);
  put(first.bytes, 4, 1);
  put(first.bytes, 64, 4);  // tied, and no other flag
  const os::Fd socket = stored_as(first, true, 0, false);
  host.start(Host::Stored{{first.name, socket.get()}});
  EXPECT_TRUE(host.logs("event=view-taken-over"));
  EXPECT_FALSE(soon(3000, [&] { return named("sluice-worker").empty(); })) << host.log();
  kill_all("sluice-worker");
  EXPECT_TRUE(reads(view));
  EXPECT_TRUE(host.logs("event=worker-replaced"));
  kill_all("sluice-broker");
  EXPECT_TRUE(reads(view));
  EXPECT_TRUE(host.logs("event=broker-replaced"));
}
// Nor is it lost with the service after the next: what that one left is its own version's.
ATTACK_WITHIN(ServiceStore, AViewOfTheServiceBeforeVersionTwoGoesOnTwice, 40) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  {
    const auto stored = host.stored();
    Forgery first = look_into(stored[0]);
    put(first.bytes, 4, 1);
    put(first.bytes, 64, 4);
    const os::Fd socket = stored_as(first, true, 0, false);
    host.start(Host::Stored{{first.name, socket.get()}});
    EXPECT_TRUE(host.logs("event=view-taken-over"));
    host.kill();
    host.start(Host::Stored{{first.name, socket.get()}});
    EXPECT_TRUE(host.logs("event=view-taken-over"));
    EXPECT_TRUE(reads(view)) << host.log();
  }
}

ATTACK_WITHIN(ServiceStore, WhatIsForgedIsRefusedAndTheOthersGoOn, 110) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View other(source, kVictim, {}, false, 0, "other");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  for (const Case& one : forgeries()) {
    SCOPED_TRACE(one.says);
    auto view = std::make_unique<View>(source, kVictim, std::vector<std::string_view>{}, true, 0, "forged");
    ASSERT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
    host.kill();
    std::string name, stored_as_name;
    {
      const auto stored = host.stored();
      const Forgery good = look_into(stored[0]);
      Forgery forged = look_into(stored[1]);
      one.change(forged, good);
      const os::Fd socket = stored_as(forged, one.own_link, one.made_by);
      name = stored[1].first;
      stored_as_name = forged.name;
      host.start({stored[0], {forged.name, socket.get()}});
    }
    const std::string log = host.log();
    const std::string wanted = "what=\"" + one.says;
    EXPECT_NE(log.find("event=stored-view-refused"), std::string::npos) << log;
    EXPECT_NE(log.find(wanted), std::string::npos) << log;
    EXPECT_NE(log.find("event=view-taken-over view=\"view-1\""), std::string::npos) << log;
    EXPECT_TRUE(reads(other)) << "the other view";
    // What the manager has by that name it lets go of, and with it the view ends.
    if (name != stored_as_name) host.let_go_of(name);
    ASSERT_TRUE(soon(4000, [] { return named("sluice-broker").size() == 1 && named("sluice-worker").size() == 1; })) << host.log();
  }
  EXPECT_TRUE(reads(other));
}

// No message, no socket, twice the same, and two of one connection.
ATTACK_WITHIN(ServiceStore, WhatIsNoRecordIsRefused, 60) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  const auto stored = host.stored();
  int empty[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, empty), 0);
  const os::Fd null = opened("/dev/null", O_RDWR), deaf(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  Forgery twice = look_into(stored[0]);
  put(twice.bytes, 8, 1 + core::Limits::kPrivateUids);  // the same as another view, whose processes have these uids too
  twice.name = "view-" + std::to_string(1 + core::Limits::kPrivateUids);
  os::Fd again = stored_as(twice, true);
  twice.fds.clear();
  host.start({stored[0], {"view-7", empty[0]}, {"view-8", null.get()}, {"view-9", deaf.get()}, {"", null.get()},
              {std::string(200, 'x'), null.get()}, {twice.name, again.get()}});
  EXPECT_TRUE(reads(view)) << host.log();
  size_t refused = 0;
  const std::string log = host.log();
  for (size_t at = 0; (at = log.find("event=stored-view-refused", at)) != std::string::npos; ++at) ++refused;
  EXPECT_EQ(refused, 6u) << log;
  again.reset();
  host.kill();
  // Two that say the same: neither can be told to be the right one.
  const auto now = host.stored();
  host.start({now[0], now[0]});
  EXPECT_EQ(host.log().find("event=view-taken-over"), std::string::npos) << host.log();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; }));
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
}

}  // namespace
}  // namespace sluice::adversary
