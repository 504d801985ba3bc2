// Connections of other FUSE servers over the end of a service. Invariants: their brokers go on without one, with every id that
// they gave, and the next service takes them over with their names, owners and shares (src/service/takeover.cc); it believes
// nothing of a record that the kernel does not say of the broker, and refuses that connection alone (src/service/store.cc).
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "core/reason_text.h"
#include "foreign_server.h"
#include "hostile_worker.h"
#include "store_stage.h"

namespace sluice::adversary {
namespace {

std::string name_of(core::Reason reason) { return std::string(core::reason_name(reason)); }
constexpr char kItsBrokersName[] = "sluice-foreign-";  // of sluice-foreign-broker, as the kernel has it

// A server of kUser's that has a file granted, and asks for another and gives it back, all the time. It holds what it was
// given before, and its clients read and write through it.
class Server {
 public:
  explicit Server(const std::string& path) : path_(path), program_([this] { work(); }) {}
  void expect_served(const std::string& when) {
    const std::string before = progress();
    EXPECT_TRUE(soon(8000, [&] { return progress() != before || program_.ended(0); })) << when << ": the server is held up";
    EXPECT_FALSE(program_.ended(0)) << when << ": the server ended: it says above why";
  }
  // What it hears when it hands over its connection once more.
  std::string ask_again() {
    const std::string told = path_ + "/told";
    ::unlink(told.c_str());
    program_.signal(SIGUSR1);
    EXPECT_TRUE(soon(8000, [&] { return !read_all(told).empty(); }));
    return read_all(told);
  }
  void stop() {
    program_.signal(SIGKILL);
    program_.ended(4000);
  }

 private:
  static std::string progress() { return read_all(work_dir() + "/progress"); }
  void work() {
    static volatile sig_atomic_t asked = 0;
    ::signal(SIGUSR1, [](int) { asked = 1; });
    const os::Fd told(::open((work_dir() + "/progress").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) return;
    enter_own_namespaces();
    ForeignServer server(path_ + "/point", 8);
    ASSERT_EQ(name_of(server.connect()), "none");
    const os::Fd file(::open((path_ + "/file").c_str(), O_RDWR | O_CLOEXEC)), other(::open((path_ + "/other").c_str(), O_RDONLY | O_CLOEXEC));
    const auto granted = server.grant(1, file.get());
    ASSERT_EQ(granted.error, 0);
    server.pass(granted.backing_id);
    for (uint64_t i = 1;; ++i) {
      const auto another = server.grant(0, other.get());
      if (another.error == EPIPE) ::_exit(0);  // its broker has ended, which is for the attack to say
      ASSERT_EQ(another.error, 0) << i;
      ASSERT_GT(another.backing_id, granted.backing_id) << i;
      const int closed = server.close(another.backing_id).error;
      if (closed == EPIPE) ::_exit(0);
      ASSERT_EQ(closed, 0) << i;
      const int read = server.use([&] {
        char byte = 0;
        const os::Fd opened(::open(server.file().c_str(), O_RDWR | O_CLOEXEC));
        return ::pread(opened.get(), &byte, 1, 0) == 1 && ::pwrite(opened.get(), &byte, 1, 0) == 1 ? byte : -errno;
      });
      if (read != 'c' && server.close(1 << 20).error == EPIPE) ::_exit(0);
      ASSERT_EQ(read, 'c') << i;
      ASSERT_EQ(server.reads() + server.writes(), 0u) << i;
      if (asked != 0) {
        asked = 0;
        const std::string said = name_of(server.connect());
        const os::Fd out(::open((path_ + "/said").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        ASSERT_EQ(::write(out.get(), said.data(), said.size()), static_cast<ssize_t>(said.size()));
        ASSERT_EQ(::rename((path_ + "/said").c_str(), (path_ + "/told").c_str()), 0);
      }
      ASSERT_GT(::pwrite(told.get(), &i, sizeof(i), 0), 0);
    }
  }
  std::string path_;
  Program program_;
};

std::string ground() {
  const std::string path = foreign_ground();
  write_all(path + "/other", "other", kUser);
  return path;
}
std::string listed() {
  std::string out;
  EXPECT_EQ(run_program({kSluice, "ls"}, &out, 5, [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0);
  return out;
}
size_t count_in(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++count;
  return count;
}

void expect_goes_on(With with) {
  const std::string path = ground();
  Host host(with);
  host.start();
  Server server(path);
  server.expect_served("before");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  const pid_t broker = the(kItsBrokersName);
  for (const bool killed : {true, false, true}) {
    SCOPED_TRACE(killed ? "killed" : "told to end");
    host.end(killed);
    server.expect_served("without a service");
    host.start();
    server.expect_served("with the next");
    EXPECT_EQ(the(kItsBrokersName), broker);
    EXPECT_EQ(host.stored_views(), 1u);
    EXPECT_EQ(count_in(host.log(), "event=connection-taken-over view=\"connection-1\""), 1u) << host.log();
    EXPECT_NE(listed().find("connection-1"), std::string::npos) << listed();
    // It has its broker, and gets no second one.
    EXPECT_EQ(server.ask_again(), "connection-taken");
    server.expect_served("after it was refused another");
  }
  // And its end is heard of.
  server.stop();
  EXPECT_TRUE(host.logs("event=connection-ended"));
  EXPECT_TRUE(soon(4000, [&] { return named(kItsBrokersName).empty() && host.stored_views() == 0; })) << host.log();
  EXPECT_EQ(listed().find("connection-1"), std::string::npos);
  host.terminate();
  EXPECT_EQ(host.log().find("views-left"), std::string::npos) << host.log();
}
ATTACK_WITHIN(ForeignStore, AServerAndItsGrantsGoOnWithoutAServiceAndWithTheNext, 60) { expect_goes_on(With::kManager); }
ATTACK_WITHIN(ForeignStore, AServerAndItsGrantsGoOnWithAKeeper, 60) { expect_goes_on(With::kKeeper); }

// As who is asked for it by the user of the server, or by root.
ATTACK_WITHIN(ForeignStore, WhatWasTakenOverIsEndedByItsName, 40) {
  const std::string path = ground();
  Host host;
  host.start();
  Server server(path);
  server.expect_served("before");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  host.start();
  const auto umount_as = [](uint32_t uid) {
    return run_program({kSluice, "umount", "connection-1"}, nullptr, 5, [uid] {
      ::setenv("SLUICE_SOCKET", kSocket, 1);
      if (::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) ::_exit(126);
    });
  };
  EXPECT_NE(umount_as(kVictim), 0);
  server.expect_served("after somebody else asked");
  EXPECT_EQ(umount_as(kUser), 0);
  EXPECT_TRUE(soon(4000, [&] { return named(kItsBrokersName).empty() && host.stored_views() == 0; })) << host.log();
  EXPECT_TRUE(host.logs("event=connection-ended"));
}

// Either of both, while there was no service.
ATTACK_WITHIN(ForeignStore, AConnectionThatEndedMeanwhileIsGone, 60) {
  const std::string path = ground();
  for (const std::string what : {"server", "broker"}) {
    SCOPED_TRACE(what);
    Host host;
    host.start();
    Server server(path);
    server.expect_served("before");
    EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
    host.kill();
    if (what == "server") server.stop();
    if (what == "broker") kill_all(kItsBrokersName);
    EXPECT_TRUE(soon(4000, [] { return named(kItsBrokersName).empty(); }));
    host.start();
    EXPECT_TRUE(host.logs("event=connection-ended"));
    EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; })) << host.log();
    server.stop();
    ::unlink(kSocket), ::unlink(kNotify);
  }
}

// No store any more: as when the service is stopped for good. Its ids are closed by then.
ATTACK_WITHIN(ForeignStore, WithoutAStoreTheBrokerEnds, 40) {
  const std::string path = ground();
  Host host;
  host.start();
  Server server(path);
  server.expect_served("before");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.terminate();
  EXPECT_EQ(named(kItsBrokersName).size(), 1u);
  host.forget_all();
  EXPECT_TRUE(soon(4000, [] { return named(kItsBrokersName).empty(); }));
  server.stop();
}

// ---- What is forged ----

enum At2 { kItsLink, kItsBroker, kItsEvents, kAllOfIt };
void set(std::vector<uint8_t>& bytes, size_t at, uint32_t value) { std::memcpy(bytes.data() + at, &value, sizeof(value)); }
os::Fd pidfd_of(pid_t pid) { return os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }
os::Fd channel_of(uint32_t uid) {
  int fds[2];
  EXPECT_EQ(::seteuid(uid), 0);
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  EXPECT_EQ(::seteuid(0), 0);
  static std::vector<os::Fd> others;
  others.emplace_back(fds[1]);
  return os::Fd(fds[0]);
}
struct Case {
  std::string says;  // what cannot be right
  std::function<void(Forgery&)> change;
};
const std::vector<Case>& forgeries() {
  static const std::vector<Case> cases = {
      {"record", [](Forgery& of) { of.bytes.pop_back(); }},
      {"record", [](Forgery& of) { of.bytes.resize(60); }},
      {"record\" reason=\"version", [](Forgery& of) { set(of.bytes, 4, 3); }},
      {"descriptors", [](Forgery& of) { set(of.bytes, 64, 0); }},  // no other server's, but a view
      {"record", [](Forgery& of) { set(of.bytes, 64, 32 | 4); }},  // tied
      {"record", [](Forgery& of) { set(of.bytes, 64, 32 | 64); }},
      {"record", [](Forgery& of) { set(of.bytes, 68, 1); }},            // trees
      {"record", [](Forgery& of) { set(of.bytes, 60, 7); }},            // a worker
      {"record", [](Forgery& of) { set(of.bytes, 32, kVictim); }},      // an owner who is not the server's user
      {"record", [](Forgery& of) { set(of.bytes, 40, 5000); }},         // more than any has
      {"record", [](Forgery& of) { set(of.bytes, 40, 0); }},
      {"record", [](Forgery& of) { set(of.bytes, 52, 0); }},            // of no connection
      {"server", [](Forgery& of) { set(of.bytes, 24, kVictim), set(of.bytes, 32, kVictim); }},
      {"share", [](Forgery& of) { set(of.bytes, 40, 1); }},             // so that its user has more left
      {"name", [](Forgery& of) { of.name = "view-999"; }},
      {"broker", [](Forgery& of) { set(of.bytes, 8, 7), of.name = "view-7"; }},  // another number, and so another uid
      {"broker", [](Forgery& of) { of.fds[kItsBroker] = pidfd_of(::getpid()); }},
      {"broker", [](Forgery& of) { of.fds[kItsBroker] = pidfd_of(::getpid()), set(of.bytes, 56, static_cast<uint32_t>(::getpid())); }},
      {"broker", [](Forgery& of) { of.fds[kItsBroker] = opened("/dev/null", O_RDWR); }},
      {"events", [](Forgery& of) { of.fds[kItsEvents] = opened("/dev/null", O_RDWR); }},
      {"events", [](Forgery& of) { of.fds[kItsEvents] = channel_of(kUser); }},
      {"descriptors", [](Forgery& of) { of.fds.pop_back(); }},
      {"descriptors", [](Forgery& of) { of.fds.push_back(opened("/dev/null", O_RDWR)); }},
      {"descriptors", [](Forgery& of) { of.fds.clear(); }},
  };
  return cases;
}

ATTACK_WITHIN(ForeignStore, WhatIsForgedIsRefusedAndTheOthersGoOn, 110) {
  const std::string path = ground(), source = source_of_victim();
  Host host;
  host.start();
  const View other(source, kVictim, {}, false, 0, "other");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  for (const Case& one : forgeries()) {
    SCOPED_TRACE(one.says);
    Server server(path);
    server.expect_served("before");
    ASSERT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
    host.kill();
    std::string name, forged_name;
    {
      const auto stored = host.stored();
      Forgery forged = look_into_record(stored[1], kAllOfIt);
      ASSERT_EQ(forged.fds.size(), static_cast<size_t>(kAllOfIt));
      one.change(forged);
      const os::Fd socket = stored_as(forged, true);
      name = stored[1].first;
      forged_name = forged.name;
      host.start({stored[0], {forged.name, socket.get()}});
    }
    const std::string log = host.log();
    EXPECT_EQ(count_in(log, "event=stored-view-refused"), 1u) << log;
    EXPECT_NE(log.find("what=\"" + one.says), std::string::npos) << log;
    EXPECT_EQ(log.find("event=connection-taken-over"), std::string::npos) << log;
    EXPECT_NE(log.find("event=view-taken-over view=\"view-1\""), std::string::npos) << log;
    EXPECT_TRUE(reads(other)) << "the view";
    if (name != forged_name) host.let_go_of(name);
    ASSERT_TRUE(soon(4000, [] { return named(kItsBrokersName).empty(); })) << host.log();
    server.stop();
  }
  EXPECT_TRUE(reads(other));
}

// Nobody knows the number of another server's connection but by what it said then: it is no reason to refuse a view.
ATTACK_WITHIN(ForeignStore, NoNumberOfAConnectionCostsAView, 60) {
  const std::string path = ground(), source = source_of_victim();
  Host host;
  host.start();
  Server server(path);
  server.expect_served("before");
  const View view(source, kVictim, {}, false, 0, "view");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
  host.kill();
  {
    const auto stored = host.stored();
    Forgery connection = look_into_record(stored[0], kAllOfIt);
    uint32_t number = 0;
    std::memcpy(&number, look_into(stored[1]).bytes.data() + 52, sizeof(number));
    set(connection.bytes, 52, number);
    const os::Fd socket = stored_as(connection, true);
    host.start({{connection.name, socket.get()}, stored[1]});
  }
  EXPECT_EQ(host.log().find("event=stored-view-refused"), std::string::npos) << host.log();
  EXPECT_TRUE(reads(view)) << host.log();
  server.expect_served("after");
}

}  // namespace
}  // namespace sluice::adversary
