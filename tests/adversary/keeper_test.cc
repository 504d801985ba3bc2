// Who holds views where no service manager does. Invariants: a keeper serves root's services alone, one at a time, and holds
// what the one before left until it is told otherwise (src/keeper); a service has dealings with no keeper but root's, in a
// directory where nobody else can put another, and believes nothing of what it is handed (src/service/keeper.cc). What is
// the same with either, store_test.cc has.
#include <grp.h>
#include <sys/file.h>

#include <array>

#include "store_stage.h"
#include "wire/keeper_message.h"

namespace sluice::adversary {
namespace {

constexpr char kKeeperSocket[] = "/run/sluice-kept/keeper.sock";

struct Answer {
  core::Result<wire::KeeperWelcome> welcome = core::Failure{EPROTO, core::Reason::kNone};
  uint32_t version = 0;
  std::vector<std::pair<std::string, os::Fd>> kept;
};
// What a service does when it begins. Nothing of an answer: hung up on, or silent.
Answer ask_keeper(int socket, std::vector<uint8_t> hello = wire::encode_keeper_hello()) {
  Answer answer;
  EXPECT_TRUE(os::set_timeout(socket, 4000).ok());
  if (!os::send_message(socket, hello).ok()) return answer;
  std::array<uint8_t, wire::kKeeperMessageMost> bytes;
  auto message = os::receive_message(socket, bytes, 0);
  if (!message.ok() || message->length < 8) return answer;
  std::memcpy(&answer.version, bytes.data() + 4, sizeof(answer.version));
  answer.welcome = wire::decode_keeper_welcome({bytes.data(), message->length});
  for (uint32_t i = 0; answer.welcome.ok() && i < answer.welcome->count; ++i) {
    auto each = os::receive_message(socket, bytes, 1);
    EXPECT_TRUE(each.ok() && each->fds.size() == 1);
    if (!each.ok() || each->fds.size() != 1) break;
    answer.kept.emplace_back(std::string(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(each->length)), std::move(each->fds[0]));
  }
  return answer;
}
os::Fd to_keeper() {
  auto socket = os::connect_to(kKeeperSocket);
  EXPECT_TRUE(socket.ok()) << (socket.ok() ? 0 : socket.failure().error);
  return socket.ok() ? *std::move(socket) : os::Fd();
}
bool say(int socket, const std::string& words, const std::vector<int>& fds = {}) {
  return os::send_message(socket, {reinterpret_cast<const uint8_t*>(words.data()), words.size()}, fds).ok();
}
bool hung_up(int socket) {
  struct pollfd waiting {socket, POLLIN, 0};
  return ::poll(&waiting, 1, 4000) > 0 && (waiting.revents & POLLHUP) != 0;
}
// A service that may come up or not: its exit status, or -1 where it serves.
int start_beside(const std::string& directory, const char* socket, std::string* said) {
  // --preserve: it may open everybody's files until it has given that up.
  Program service({kSluiced, "--listen", socket, "--preserve", "--keep-views", directory}, work_dir() + "/beside.log");
  const bool ended = service.ended(8000);
  *said = service.output();
  return ended ? service.status() : -1;
}

ATTACK_WITHIN(ServiceKeeper, ASecondServiceIsRefusedAndTheFirstGoesOn, 40) {
  const std::string source = source_of_victim();
  Host host(With::kKeeper);
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  std::string said;
  EXPECT_EQ(start_beside(kKeeperIn, "/run/other.sock", &said), 1) << said;
  EXPECT_NE(said.find("another service has the keeper in /run/sluice-kept"), std::string::npos) << said;
  // By the keeper's word too, should one get so far.
  const os::Fd socket = to_keeper();
  const Answer answer = ask_keeper(socket.get());
  ASSERT_TRUE(answer.welcome.ok());
  EXPECT_TRUE(answer.welcome->taken);
  EXPECT_TRUE(answer.kept.empty());
  EXPECT_TRUE(hung_up(socket.get()));
  EXPECT_FALSE(say(socket.get(), wire::let_go_words("view-1")));
  EXPECT_TRUE(reads(view));
  EXPECT_EQ(host.stored_views(), 1u);
  // And the first one's views go on with the next.
  host.kill();
  host.start();
  EXPECT_TRUE(reads(view));
  EXPECT_TRUE(host.logs("event=view-taken-over"));
  EXPECT_EQ(named("sluice-keeper").size(), 1u);
}

ATTACK_WITHIN(ServiceKeeper, NobodyButRootIsAnswered, 40) {
  const std::string source = source_of_victim();
  Host host(With::kKeeper);
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  struct stat stat;
  ASSERT_EQ(::stat(kKeeperSocket, &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0600u);
  ASSERT_EQ(::stat("/run/sluice-kept/keeper.lock", &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0600u);
  host.kill();
  // Whatever the mode of its socket is, and of its directory.
  EXPECT_TRUE(in_process(kVictim, 8, [] { EXPECT_FALSE(os::connect_to(kKeeperSocket).ok()); }));
  ASSERT_EQ(::chmod(kKeeperSocket, 0666), 0);
  ASSERT_EQ(::chmod(kKeeperIn, 0755), 0);
  EXPECT_TRUE(in_process(kVictim, 8, [] {
    const os::Fd socket = to_keeper();
    const Answer answer = ask_keeper(socket.get());
    EXPECT_FALSE(answer.welcome.ok());
    EXPECT_TRUE(answer.kept.empty());
  }));
  ASSERT_EQ(::chmod(kKeeperIn, 0700), 0);
  host.start();
  EXPECT_TRUE(reads(view)) << host.log();
}

// A directory, or what is in it, that somebody else could have changed.
ATTACK_WITHIN(ServiceKeeper, WhatIsNotRootsAloneIsNoPlaceForAKeeper, 60) {
  const auto refused = [](const std::string& directory, const std::string& why) {
    std::string said;
    EXPECT_EQ(start_beside(directory, "/run/other.sock", &said), 1) << directory << ": " << said;
    EXPECT_NE(said.find(why), std::string::npos) << directory << ": " << said;
    EXPECT_TRUE(named("sluice-keeper").empty());
  };
  const auto make = [](const std::string& directory, uint32_t owner, uint32_t mode) {
    EXPECT_EQ(::mkdir(directory.c_str(), 0755), 0) << directory;
    EXPECT_EQ(::chown(directory.c_str(), owner, owner), 0);
    EXPECT_EQ(::chmod(directory.c_str(), mode), 0);
    return directory;
  };
  refused(make("/run/theirs", kVictim, 0755), "socket-directory");
  refused(make("/run/theirs/below", 0, 0700), "socket-directory");
  refused(make("/run/open", 0, 0777), "socket-directory");
  refused(make("/run/group", 0, 0775), "socket-directory");
  refused(make("/run/sticky", 0, 01777), "socket-directory");
  refused(make("/run/shown", 0, 0711), "socket-directory");
  ASSERT_EQ(::symlink("/run/linked", "/run/link"), 0);
  make("/run/linked", 0, 0700);
  refused("/run/link", "socket-directory");
  refused("/run/nowhere/at-all", "No such file");
  // Left there by somebody, when the directory was another's still.
  const std::string locked = make("/run/locked", 0, 0700);
  write_all(locked + "/keeper.lock", "", kVictim, 0600);
  refused(locked, "socket-taken");
  const std::string open = make("/run/open-lock", 0, 0700);
  write_all(open + "/keeper.lock", "", 0, 0666);
  refused(open, "socket-taken");
  const std::string named_pipe = make("/run/pipe", 0, 0700);
  ASSERT_EQ(::mkfifo((named_pipe + "/keeper.lock").c_str(), 0600), 0);
  refused(named_pipe, "socket-taken");
  const std::string turned = make("/run/turned", 0, 0700);
  ASSERT_EQ(::symlink("/run/sluice.lock", (turned + "/keeper.lock").c_str()), 0);
  refused(turned, "symbolic links");
  EXPECT_EQ(::access("/run/sluice.lock", F_OK), -1);
  const std::string taken = make("/run/taken", 0, 0700);
  ASSERT_EQ(::chmod(taken.c_str(), 0777), 0);
  ASSERT_EQ(::seteuid(kVictim), 0);
  os::Fd theirs = bound(SOCK_SEQPACKET, (taken + "/keeper.sock").c_str());
  EXPECT_EQ(::listen(theirs.get(), 8), 0);
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_EQ(::chmod(taken.c_str(), 0700), 0);
  refused(taken, "socket-taken");
  struct pollfd waiting {theirs.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 1);
  const os::Fd service(::accept(theirs.get(), nullptr, nullptr));
  uint8_t byte[8];
  EXPECT_EQ(::recv(service.get(), byte, sizeof(byte), 0), 0) << "it said something to somebody else's keeper";
}

// Views are left to one of both, and a private service's to nobody.
ATTACK(ServiceKeeper, WordsThatContradictEachOtherAreRefused) {
  EXPECT_EQ(::mkdir(kKeeperIn, 0700), 0);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--listen-fds", "--store-views", "--keep-views", kKeeperIn}, {"--peer", "0", "--keep-views", kKeeperIn},
           {"--listen", "/run/other.sock", "--keep-views"}, {"--listen", "/run/other.sock", "--keep-views", ""}}) {
    std::vector<std::string> argv = {kSluiced};
    argv.insert(argv.end(), words.begin(), words.end());
    std::string said;
    EXPECT_EQ(run_program(argv, &said, 5), 2) << said;
    EXPECT_TRUE(named("sluice-keeper").empty());
  }
}

ATTACK(ServiceKeeper, ItEndsWithTheLastOfWhatItHolds) {
  const std::string source = source_of_victim();
  Host host(With::kKeeper);
  host.start();
  EXPECT_EQ(named("sluice-keeper").size(), 1u);
  auto view = std::make_unique<View>(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  view.reset();
  EXPECT_TRUE(soon(4000, [&] { return host.stored_views() == 0; }));
  EXPECT_EQ(named("sluice-keeper").size(), 1u) << "while a service is connected";
  host.terminate();
  EXPECT_TRUE(soon(4000, [] { return named("sluice-keeper").empty(); }));
  // The next one finds its old socket, and starts another.
  host.start();
  EXPECT_EQ(named("sluice-keeper").size(), 1u);
  const View next(source, kVictim, {}, false, 0, "next");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  // As who wants all views to end does.
  host.terminate();
  EXPECT_TRUE(reads(next));
  ::kill(the("sluice-keeper"), SIGTERM);
  EXPECT_TRUE(soon(4000, [] { return named("sluice-keeper").empty() && none_left(); }));
  EXPECT_EQ(::access(next.path("file").c_str(), F_OK), -1) << "the connection is held by somebody";
}

// Then nobody holds them but the service.
ATTACK_WITHIN(ServiceKeeper, WithoutAKeeperViewsAreTheServicesAgain, 40) {
  const std::string source = source_of_victim();
  Host host(With::kKeeper);
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  kill_all("sluice-keeper");
  EXPECT_TRUE(host.logs("event=keeper-ended views=\"1\""));
  EXPECT_TRUE(reads(view));
  const View next(source, kVictim, {}, false, 0, "next");
  EXPECT_TRUE(reads(next));
  host.terminate();
  EXPECT_EQ(host.log().find("event=views-left"), std::string::npos) << host.log();
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
  host.start();
  EXPECT_EQ(named("sluice-keeper").size(), 1u);
  const View last(source, kVictim, {}, false, 0, "last");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
}

// ---- What is said to it ----

ATTACK_WITHIN(ServiceKeeper, WhatNoServiceSaysIsTheLastThatIsHeard, 60) {
  const std::string source = source_of_victim();
  Host host(With::kKeeper);
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  const os::Fd null = opened("/dev/null", O_RDWR);
  const std::vector<std::vector<uint8_t>> hellos = {
      {}, {1}, {0x53, 0x4C, 0x4B, 0x50}, std::vector<uint8_t>(8), std::vector<uint8_t>(200, 0x53), wire::encode_keeper_hello(0),
      wire::encode_keeper_welcome({}), std::vector<uint8_t>(4096, 0x53)};
  for (const auto& hello : hellos) {
    SCOPED_TRACE(hello.size());
    const os::Fd socket = to_keeper();
    EXPECT_FALSE(ask_keeper(socket.get(), hello).welcome.ok());
  }
  {
    const os::Fd silent = to_keeper(), gone = to_keeper();
  }
  const std::string keep = wire::keep_words("view-7");
  struct Said {
    std::string words;
    std::vector<int> fds;
  };
  const int fd = null.get();
  const std::vector<Said> orders = {
      {keep, {}}, {keep, {fd, fd}}, {keep, std::vector<int>(30, fd)}, {wire::let_go_words("view-1"), {fd}}, {wire::keep_words(""), {fd}},
      {wire::let_go_words(""), {}}, {wire::keep_words("a:b"), {fd}}, {wire::keep_words("a\nb"), {fd}},
      {wire::keep_words(std::string("a\0b", 3)), {fd}}, {wire::keep_words(std::string(65, 'a')), {fd}},
      {wire::keep_words(std::string(4000, 'a')), {fd}}, {"READY=1", {}}, {"FDSTORE=1\nFDNAME=view-7", {fd}}, {"x", {fd}},
      {"FDSTORE=1\nFDPOLL=1\nFDNAME=view-7", {fd}}, {" " + keep, {fd}}, {keep + "\n", {fd}}};
  for (const Said& order : orders) {
    SCOPED_TRACE(order.words.substr(0, 60));
    const os::Fd socket = to_keeper();
    const Answer answer = ask_keeper(socket.get());
    ASSERT_TRUE(answer.welcome.ok());
    ASSERT_EQ(answer.kept.size(), 1u);
    EXPECT_EQ(answer.kept[0].first, "view-1");
    EXPECT_TRUE(say(socket.get(), order.words, order.fds));
    EXPECT_TRUE(hung_up(socket.get()));
    // What is said after it counts no more.
    (void)say(socket.get(), wire::let_go_words("view-1"));
  }
  EXPECT_EQ(host.stored_views(), 1u);
  host.start();
  EXPECT_TRUE(reads(view)) << host.log();
  EXPECT_EQ(host.log().find("stored-view-refused"), std::string::npos) << host.log();
}

ATTACK_WITHIN(ServiceKeeper, MoreThanAServiceCanHaveIsNotKept, 60) {
  const std::string source = source_of_victim();
  Host host(With::kKeeper);
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  const os::Fd null = opened("/dev/null", O_RDWR);
  {
    const os::Fd socket = to_keeper();
    ASSERT_TRUE(ask_keeper(socket.get()).welcome.ok());
    for (uint32_t i = 1; i < wire::kMostKept; ++i) ASSERT_TRUE(say(socket.get(), wire::keep_words("null"), {null.get()}));
    EXPECT_TRUE(say(socket.get(), wire::keep_words("null"), {null.get()}));
    EXPECT_TRUE(hung_up(socket.get()));
  }
  const os::Fd socket = to_keeper();
  EXPECT_EQ(ask_keeper(socket.get()).kept.size(), wire::kMostKept);
  EXPECT_TRUE(say(socket.get(), wire::let_go_words("null")));
  EXPECT_TRUE(soon(4000, [&] { return host.stored_views() == 2; })) << "with the connection that is ours";
}

// Later versions say so, and both go on with what the older of them speaks.
ATTACK_WITHIN(ServiceKeeper, AServiceOfALaterVersionIsAnsweredInThisOne, 40) {
  const std::string source = source_of_victim();
  Host host(With::kKeeper);
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  auto hello = wire::encode_keeper_hello(wire::kKeeperVersion + 6);
  hello.insert(hello.end(), {1, 2, 3, 4});  // and more than is known here
  {
    const os::Fd socket = to_keeper();
    const Answer answer = ask_keeper(socket.get(), hello);
    ASSERT_TRUE(answer.welcome.ok());
    EXPECT_EQ(answer.version, wire::kKeeperVersion);
    EXPECT_EQ(answer.kept.size(), 1u);
  }
  host.start();
  EXPECT_TRUE(reads(view));
}

// ---- What it says, when it was taken over or is none ----

// Answers one service as root's keeper would, with this, and then waits.
struct False {
  std::string says;  // what the service does
  std::function<void(int)> answer;
};
ATTACK_WITHIN(ServiceKeeper, AKeeperThatLiesIsRefusedByName, 90) {
  const os::Fd null = opened("/dev/null", O_RDWR);
  const int fd = null.get();
  const auto welcome = [](int socket, uint32_t count, uint32_t version = wire::kKeeperVersion, bool taken = false) {
    EXPECT_TRUE(os::send_message(socket, wire::encode_keeper_welcome({taken, count}, version)).ok());
  };
  const std::vector<False> lies = {
      {"reason=\"version", [&](int socket) { welcome(socket, 0, wire::kKeeperVersion + 1); }},
      {"reason=\"version", [&](int socket) { welcome(socket, 0, 0); }},
      {"reason=\"protocol", [&](int socket) { welcome(socket, wire::kMostKept + 1); }},
      {"reason=\"protocol", [&](int socket) { welcome(socket, 1, wire::kKeeperVersion, true); }},
      {"reason=\"protocol", [&](int socket) { say(socket, "hello"); }},
      {"reason=\"protocol", [&](int socket) {
         EXPECT_TRUE(os::send_message(socket, wire::encode_keeper_welcome({}), std::vector<int>{fd}).ok());
       }},
      {"reason=\"protocol", [&](int socket) { welcome(socket, 1), say(socket, "view-1"); }},
      {"reason=\"protocol", [&](int socket) { welcome(socket, 1), say(socket, "view-1", {fd, fd}); }},
      {"reason=\"protocol", [&](int socket) { welcome(socket, 1), say(socket, "view 1\n", {fd}); }},
      {"reason=\"protocol", [&](int socket) { welcome(socket, 1), say(socket, std::string(300, 'a'), {fd}); }},
      {"another service has the keeper", [&](int socket) { welcome(socket, 0, wire::kKeeperVersion, true); }},
      {"reason=\"timeout", [&](int socket) { welcome(socket, 2), say(socket, "view-1", {fd}); }},
      {"reason=\"timeout", [](int) {}},
  };
  EXPECT_EQ(::mkdir(kKeeperIn, 0700), 0);
  for (const False& lie : lies) {
    SCOPED_TRACE(lie.says);
    ::unlink(kKeeperSocket);
    const os::Fd listener = bound(SOCK_SEQPACKET, kKeeperSocket);
    ASSERT_EQ(::listen(listener.get(), 8), 0);
    Program keeper([&] {
      for (std::vector<os::Fd> all;;) {
        all.emplace_back(::accept(listener.get(), nullptr, nullptr));
        lie.answer(all.back().get());
      }
    });
    std::string said;
    Program service({kSluiced, "--listen", "/run/other.sock", "--keep-views", kKeeperIn}, work_dir() + "/beside.log");
    EXPECT_TRUE(service.ended(20'000));
    EXPECT_EQ(service.status(), 1);
    said = service.output();
    EXPECT_NE(said.find(lie.says), std::string::npos) << said;
    keeper.signal(SIGKILL);
    keeper.ended(4000);
  }
}

// What was put there by who could: each by itself, as of a service manager.
ATTACK_WITHIN(ServiceKeeper, WhatIsForgedInItIsRefusedAndTheOthersGoOn, 60) {
  const std::string source = source_of_victim();
  Host host(With::kKeeper);
  host.start();
  const View good(source, kVictim, {}, false, 0, "good");
  const View bad(source, kVictim, {}, false, 0, "bad");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
  host.kill();
  {
    const os::Fd socket = to_keeper();
    Answer answer = ask_keeper(socket.get());
    ASSERT_EQ(answer.kept.size(), 2u);
    // One cut off, one under two names, one of nothing, and one twice by its name.
    Forgery forged = look_into({answer.kept[1].first, answer.kept[1].second.get()});
    forged.bytes.pop_back();
    const os::Fd cut = stored_as(forged, true);
    const os::Fd null = opened("/dev/null", O_RDWR);
    EXPECT_TRUE(say(socket.get(), wire::let_go_words(answer.kept[1].first)));
    EXPECT_TRUE(say(socket.get(), wire::keep_words(answer.kept[1].first), {cut.get()}));
    EXPECT_TRUE(say(socket.get(), wire::keep_words("view-999"), {answer.kept[0].second.get()}));
    EXPECT_TRUE(say(socket.get(), wire::keep_words("view-998"), {null.get()}));
    EXPECT_TRUE(say(socket.get(), wire::keep_words("view-997"), {null.get()}));
    EXPECT_TRUE(say(socket.get(), wire::keep_words("view-997"), {null.get()}));
  }
  host.start();
  EXPECT_TRUE(reads(good)) << host.log();
  const std::string log = host.log();
  size_t refused = 0;
  for (size_t at = 0; (at = log.find("event=stored-view-refused", at)) != std::string::npos; ++at) ++refused;
  EXPECT_EQ(refused, 5u) << log;
  EXPECT_NE(log.find("what=\"record\""), std::string::npos) << log;
  EXPECT_TRUE(soon(4000, [&] { return named("sluice-broker").size() == 1 && host.stored_views() == 1; })) << host.log();
  EXPECT_EQ(::access(bad.path("file").c_str(), F_OK), -1);
}

}  // namespace
}  // namespace sluice::adversary
