// Views that begin at rest, since the service is busy with others: their processes start with their first request. Invariants:
// what is asked of such a view, and what becomes of it before, is as of any other (src/service/setup.cc, begins_at_rest()); whoever
// asks for a view that cannot be served hears of it at once; and one of which there is nothing but a record is taken over as that
// and no more (src/service/store.cc).
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "core/limits.h"
#include "core/reason_text.h"
#include "os/mount.h"
#include "store_stage.h"

namespace sluice::adversary {
namespace {

// Who is being served, and says nothing: at the most for kSetupSeconds.
class Others {
 public:
  Others() {
    for (uint32_t i = 0; i < core::Limits::kSetupsThatStart; ++i) silent_.push_back(connected());
    ::usleep(100'000);
  }

 private:
  std::vector<os::Fd> silent_;
};

wire::Hello mounted_hello(const std::vector<std::string_view>& rules = {}) {
  wire::Hello hello = view_hello(kVictim, rules);
  hello.tied = false;
  hello.name = "mounted";
  return hello;
}

// As of `sluice mount`: with its target.
class Mounted {
 public:
  explicit Mounted(const std::string& source, const std::vector<std::string_view>& rules = {}) : path_(work_dir() + "/mounted") {
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const Heard heard = ask(mounted_hello(rules), {directory.get()});
    EXPECT_EQ(core::reason_name(heard.reason), "none");
    ::mkdir(path_.c_str(), 0755);
    const os::Fd target(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(os::attach_mount(heard.mount.get(), target.get()).ok()) << "attach the view";
  }
  ~Mounted() {
    ::umount2(path_.c_str(), MNT_DETACH);
    ::rmdir(path_.c_str());
  }
  bool reads(const char* name = "file", const char* content = "content\n") const {
    return in_process(kVictim, 8, [&] { EXPECT_EQ(read_all(path_ + "/" + name), content) << name; });
  }
  bool is_hidden(const char* name) const {
    return in_process(kVictim, 8, [&] {
      EXPECT_EQ(::access((path_ + "/" + name).c_str(), F_OK), -1) << name << " is shown";
      EXPECT_EQ(errno, ENOENT) << name;
    });
  }

 private:
  std::string path_;
};

void expect_processes(size_t count, const char* when, const std::string& log) {
  EXPECT_TRUE(soon(4000, [&] { return named("sluice-broker").size() == count && named("sluice-worker").size() == count; })) << when << ": " << log;
}
std::string said_by(const std::vector<std::string>& words) {
  std::string said;
  std::vector<std::string> command = {kSluice};
  command.insert(command.end(), words.begin(), words.end());
  EXPECT_EQ(run_program(command, &said, 8, [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0) << said;
  return said;
}

ATTACK_WITHIN(BeginAttack, TheFirstRequestStartsWhatServesIt, 60) {
  const RunningService service;
  const std::string source = source_of_victim();
  {
    const Others others;
    const Mounted view(source, {"secret"});
    EXPECT_TRUE(none_left()) << "it began with its processes";
    EXPECT_NE(said_by({"status", "mounted"}).find("the first request starts it"), std::string::npos);
    EXPECT_NE(said_by({"ls"}).find("resting"), std::string::npos);
    EXPECT_TRUE(view.is_hidden("secret"));
    expect_processes(1, "after the first request", service.log());
    EXPECT_TRUE(view.reads());
    // From now on it is as any other.
    for (const char* process : {"sluice-worker", "sluice-broker"}) {
      kill_all(process);
      EXPECT_TRUE(view.reads()) << process;
      EXPECT_TRUE(view.is_hidden("secret")) << process;
    }
    EXPECT_NE(service.log().find("event=broker-woken"), std::string::npos) << service.log();
    EXPECT_NE(service.log().find("event=broker-replaced"), std::string::npos) << service.log();
  }
  EXPECT_TRUE(soon(4000, none_left)) << "after its end: " << service.log();
  EXPECT_NE(service.log().find("why=\"unmounted\""), std::string::npos) << service.log();
}

ATTACK_WITHIN(BeginAttack, UnmountedBeforeAnybodyAskedForAnything, 40) {
  RunningService service;
  service.note();
  const std::string source = source_of_victim();
  {
    const Others others;
    const Mounted view(source);
    EXPECT_TRUE(none_left());
  }
  EXPECT_TRUE(soon(4000, [&] { return service.log().find("why=\"unmounted\"") != std::string::npos; })) << service.log();
  service.expect_as_noted("a view that never served", 12'000);
  EXPECT_EQ(service.log().find("event=worker-"), std::string::npos) << service.log();
}

// Its processes begin with them: what the first rules show is never served.
ATTACK_WITHIN(BeginAttack, OtherRulesBeforeTheFirstRequest, 40) {
  const RunningService service;
  const std::string source = source_of_victim();
  const Others others;
  const Mounted view(source, {"busy"});
  EXPECT_TRUE(none_left());
  (void)said_by({"reload", "mounted", "--hide", "secret"});
  EXPECT_TRUE(view.is_hidden("secret"));
  EXPECT_TRUE(view.reads());
  EXPECT_TRUE(view.reads("busy", std::string(64, '0').c_str())) << "what only the first rules hide";
  EXPECT_EQ(service.log().find("event=worker-ended"), std::string::npos) << service.log();
}

// Many at once, while whoever makes processes of it is killed: each gets its answer.
ATTACK_WITHIN(BeginAttack, ManyFirstRequestsWhileSetUpProcessesAreKilled, 60) {
  const RunningService service;
  const std::string source = source_of_victim();
  const Others others;
  const Mounted view(source, {"secret"});
  const auto of_maker = [maker = service.maker()] {
    std::set<pid_t> all;
    for (const Found& process : processes()) {
      if (process.parent == maker && process.state != 'Z') all.insert(process.pid);
    }
    return all;
  };
  ASSERT_TRUE(eventually(4000, [&] { return of_maker().size() == core::Limits::kSetupsThatStart; })) << "its own has ended";
  // The first three that are to start its processes.
  Program killer([&, silent = of_maker()] {
    int killed = 0;
    (void)eventually(1500, [&] {
      for (const pid_t pid : of_maker()) killed += !silent.contains(pid) && ::kill(pid, SIGKILL) == 0;
      return killed >= 3;
    });
    ::_exit(killed > 0 ? 0 : 1);
  });
  std::vector<std::unique_ptr<Program>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Program>([&view] { ::_exit(view.reads() && view.is_hidden("secret") ? 0 : 1); }));
  }
  for (const auto& client : clients) {
    EXPECT_TRUE(client->ended(20'000)) << service.log();
    EXPECT_EQ(client->status(), 0) << service.log();
  }
  EXPECT_TRUE(killer.ended(6000));
  EXPECT_EQ(killer.status(), 0) << "none was killed";
  expect_processes(1, "in the end", service.log());
}

// What its processes would only find when somebody asks for something is told to who asks for the view.
ATTACK_WITHIN(BeginAttack, WhatCannotBeServedIsRefusedAtOnce, 40) {
  constexpr gid_t kGroup = 61'299;
  // What the service may, by a group that it was started with.
  const RunningService service({}, [] {
    const gid_t groups[] = {kGroup};
    ASSERT_EQ(::setgroups(1, groups), 0);
  });
  const std::string closed = make_source("closed", 0);
  ASSERT_EQ(::chown(closed.c_str(), 0, kGroup), 0);
  ASSERT_EQ(::chmod(closed.c_str(), 0750), 0);
  const std::string source = source_of_victim();
  const Others others;
  const os::Fd directory(::open(closed.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Heard heard = ask(mounted_hello(), {directory.get()});
  EXPECT_EQ(core::reason_name(heard.reason), "source-unreadable") << service.log();
  const os::Fd open(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  wire::Hello grafted = mounted_hello();
  grafted.grafts = {{"no/such/place", false}};
  EXPECT_NE(core::reason_name(ask(grafted, {open.get(), open.get()}).reason), "none") << service.log();
  EXPECT_TRUE(none_left());
}

// Who will use it at once waits for it here.
ATTACK_WITHIN(BeginAttack, AViewOfACommandBeginsWithItsProcesses, 40) {
  const RunningService service;
  const std::string source = source_of_victim();
  const Others others;
  const View view(source, kVictim);
  expect_processes(1, "of a tied view", service.log());
  EXPECT_TRUE(reads(view));
}

ATTACK_WITHIN(BeginAttack, NoneWhereNoWorkerRests, 40) {
  const RunningService service({"--worker-idle", "0"});
  const std::string source = source_of_victim();
  const Others others;
  const Mounted view(source);
  expect_processes(1, "where no worker rests", service.log());
  EXPECT_TRUE(view.reads());
}

// It was right when it was made. Whoever asks gets an error, and the administrator a line.
ATTACK_WITHIN(BeginAttack, ASourceThatIsClosedMeanwhile, 40) {
  const RunningService service;
  const std::string source = source_of_victim();
  const Others others;
  const Mounted view(source);
  ASSERT_EQ(::chmod(source.c_str(), 0700), 0);
  ASSERT_EQ(::chown(source.c_str(), 0, 0), 0);
  EXPECT_TRUE(in_process(kVictim, 15, [&] { EXPECT_EQ(read_all(work_dir() + "/mounted/file"), ""); }));
  EXPECT_NE(service.log().find("event=worker-not-replaced"), std::string::npos) << service.log();
  EXPECT_NE(service.log().find("event=view-ended"), std::string::npos) << service.log();
  EXPECT_TRUE(soon(4000, none_left)) << service.log();
}

ATTACK_WITHIN(BeginAttack, TheNextServiceTakesItOverAsItIs, 60) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  std::unique_ptr<Mounted> view;
  {
    const Others others;
    view = std::make_unique<Mounted>(source, std::vector<std::string_view>{"secret"});
  }
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  for (const bool killed : {true, false}) {
    SCOPED_TRACE(killed ? "killed" : "told to end");
    host.end(killed);
    host.start();
    EXPECT_TRUE(host.logs("event=view-taken-over"));
    EXPECT_FALSE(soon(500, [&] { return !none_left(); })) << "the next service starts its processes: " << host.log();
  }
  EXPECT_TRUE(view->reads());
  EXPECT_TRUE(view->is_hidden("secret"));
  expect_processes(1, "after the first request", host.log());
  view.reset();
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; })) << host.log();
}

// With somebody who waits, at any instant of the start of its processes.
ATTACK_WITHIN(BeginAttack, AServiceThatIsKilledMeanwhile, 90) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    std::unique_ptr<Mounted> view;
    {
      const Others others;
      view = std::make_unique<Mounted>(source, std::vector<std::string_view>{"secret"});
    }
    EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
    Program client([&view] { ::_exit(view->reads() && view->is_hidden("secret") ? 0 : 1); });
    ::usleep(static_cast<useconds_t>(2000 + 4000 * round));
    host.kill();
    host.start();
    EXPECT_TRUE(soon(10'000, [&] { return client.ended(0); })) << host.log();
    EXPECT_EQ(client.status(), 0) << host.log();
    expect_processes(1, "in the end", host.log());
    view.reset();
    EXPECT_TRUE(soon(4000, none_left)) << host.log();
    EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; })) << host.log();
  }
}

// Of a view whose broker serves it a record says that it has none: there would be two.
ATTACK_WITHIN(BeginAttack, ARecordThatDeniesItsProcesses, 40) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim, {"secret"});
  EXPECT_TRUE(reads(view));
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  const auto stored = host.stored();
  ASSERT_EQ(stored.size(), 1u);
  Forgery forgery = look_into(stored[0]);
  ASSERT_FALSE(forgery.fds.empty());
  auto record = wire::decode_stored_view(forgery.bytes);
  ASSERT_TRUE(record.ok());
  record->info.broker_pid = record->info.worker_pid = 0;
  record->info.resting = true;
  record->info.tied = false;
  forgery.bytes = wire::encode_stored_view(*record);
  // With all the descriptors, of which some have no place now.
  const os::Fd forged = stored_as(forgery, true);
  host.start(Host::Stored{{stored[0].first, forged.get()}});
  EXPECT_TRUE(host.logs("event=stored-view-refused"));
  EXPECT_EQ(host.log().find("event=view-taken-over"), std::string::npos) << host.log();
}

}  // namespace
}  // namespace sluice::adversary
