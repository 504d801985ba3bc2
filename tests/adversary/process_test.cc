// What the processes of a view are, by what the kernel says of them while they run, and what they can
// do once somebody has taken them over.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>

#include "core/limits.h"
#include "core/reason_text.h"
#include "generated/broker_devices_policy.h"
#include "generated/broker_policy.h"
#include "generated/foreign_broker_policy.h"
#include "generated/keeper_policy.h"
#include "generated/sluiced_policy.h"
#include "generated/worker_ro_policy.h"
#include "generated/worker_rw_policy.h"
#include "idle_server.h"
#include "live.h"
#include "os/memory_file.h"
#include "os/mount.h"
#include "os/shared_file.h"
#include "sandbox/confine.h"
#include "sandbox/fds.h"

namespace sluice::adversary {
namespace {

constexpr uint64_t kSysAdmin = 1ull << 21;

std::string proc(pid_t pid, const std::string& what) { return "/proc/" + std::to_string(pid) + "/" + what; }

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}
// A line of /proc/PID/status, its words separated by single spaces.
std::string field_in(const std::string& status, const std::string& name) {
  std::istringstream lines(text_of(status));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + ":")) continue;
    std::istringstream words(line.substr(name.size() + 1));
    std::string joined;
    for (std::string word; words >> word;) joined += (joined.empty() ? "" : " ") + word;
    return joined;
  }
  return "none";
}
std::string field(pid_t pid, const std::string& name) { return field_in(proc(pid, "status"), name); }
uint64_t mask(pid_t pid, const std::string& name) { return std::stoull(field(pid, name), nullptr, 16); }

std::string link_of(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::read_symlink(path, ignored).string();
}
std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}
std::set<int> descriptors(pid_t pid) {
  std::set<int> numbers;
  for (const auto& entry : std::filesystem::directory_iterator(proc(pid, "fd"))) {
    numbers.insert(std::stoi(entry.path().filename()));
  }
  return numbers;
}
std::vector<pid_t> threads(pid_t pid) {
  std::vector<pid_t> all;
  for (const auto& entry : std::filesystem::directory_iterator(proc(pid, "task"))) {
    all.push_back(std::stoi(entry.path().filename()));
  }
  return all;
}
std::vector<uint8_t> bytes_of(std::span<const sandbox::Instruction> program) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(program.data());
  return {bytes, bytes + program.size_bytes()};
}

// Which of the calls somebody who runs the process's code makes succeeds.
void filtered(pid_t pid, std::span<const sandbox::Instruction> program) {
  for (const pid_t thread : threads(pid)) {
    EXPECT_EQ(field_in(proc(pid, "task/") + std::to_string(thread) + "/status", "Seccomp"), "2");
    TakenOver taken(thread);
    EXPECT_TRUE(taken.filter() == bytes_of(program)) << "another program, or several";
  }
}

class ProcessAttack : public ::testing::Test {
 protected:
  explicit ProcessAttack(const std::vector<std::string>& options = {}) : service(options) {
    tree.write(tree.path("plain"), "plain");
  }
  std::vector<pid_t> both(const LiveView& view) {
    EXPECT_TRUE(view.up()) << core::reason_name(view.answer().reason) << service.log();
    return view.up() ? std::vector{view.broker(), view.worker()} : std::vector<pid_t>{};
  }

  Tree tree;
  LiveService service;
};

TEST_F(ProcessAttack, Groups) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) {
    EXPECT_EQ(field(pid, "Groups"), std::to_string(kUser) + " " + std::to_string(kGroup));
  }
}
TEST_F(ProcessAttack, GroupId) {
  const LiveView view(service, tree.path());
  const std::string one = std::to_string(kUser);
  for (const pid_t pid : both(view)) EXPECT_EQ(field(pid, "Gid"), one + " " + one + " " + one + " " + one);
}
TEST_F(ProcessAttack, UserId) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) {
    std::istringstream ids(field(pid, "Uid"));
    uint32_t real, effective, saved, filesystem;
    ids >> real >> effective >> saved >> filesystem;
    EXPECT_EQ(effective, kUser);
    EXPECT_EQ(filesystem, kUser);
  }
}
// Nobody else has it: another process of the user can neither signal it nor change its limits.
TEST_F(ProcessAttack, RealUserId) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) {
    std::istringstream ids(field(pid, "Uid"));
    uint32_t real, effective, saved;
    ids >> real >> effective >> saved;
    for (const uint32_t id : {real, saved}) EXPECT_GE(id, core::Limits::kFirstPrivateUid);
    EXPECT_EQ(as_user(kUser, [pid] { return outcome(::kill(pid, SIGCONT)); }), EPERM);
  }
}
TEST_F(ProcessAttack, Capabilities) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) {
    for (const char* set : {"CapPrm", "CapEff"}) EXPECT_EQ(mask(pid, set), pid == view.broker() ? kSysAdmin : 0) << set;
  }
}
TEST_F(ProcessAttack, CapabilitiesToComeBack) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) {
    for (const char* set : {"CapInh", "CapBnd", "CapAmb"}) EXPECT_EQ(mask(pid, set), 0u) << set;
  }
}
TEST_F(ProcessAttack, NoNewPrivileges) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) EXPECT_EQ(field(pid, "NoNewPrivs"), "1");
}
TEST_F(ProcessAttack, Descriptors) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) {
    std::set<int> expected = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    // The worker's own: the root's duplicate, and directories that it has looked at.
    std::set<int> found = descriptors(pid);
    if (pid == view.worker()) {
      for (auto it = found.begin(); it != found.end();) {
        it = *it >= 10 && *it < 16 && std::filesystem::is_directory(proc(pid, "fd/") + std::to_string(*it)) ? found.erase(it) : std::next(it);
      }
      if (!found.contains(5)) expected.erase(5);
    }
    EXPECT_EQ(found, expected);
    EXPECT_EQ(link_of(proc(pid, "fd/3")), "/dev/fuse");
    EXPECT_EQ(link_of(proc(pid, "fd/4")), "/");
    for (const char* number : {"6", "7", "8", "9"}) EXPECT_TRUE(link_of(proc(pid, "fd/") + number).starts_with("socket:"));
  }
}
TEST_F(ProcessAttack, Environment) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) EXPECT_EQ(text_of(proc(pid, "environ")).find("SLUICE"), std::string::npos);
}
TEST_F(ProcessAttack, CoreDumps) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) {
    const std::vector<std::string> limits = lines_of(proc(pid, "limits"));
    const auto core = std::find_if(limits.begin(), limits.end(), [](const auto& line) { return line.starts_with("Max core file size"); });
    ASSERT_NE(core, limits.end());
    EXPECT_NE(core->find(" 0                    0 "), std::string::npos) << *core;
  }
}
// What may be dumped belongs to its user in /proc, who could look in and trace it.
TEST_F(ProcessAttack, Undumpable) {
  const LiveView view(service, tree.path());
  std::vector<pid_t> all = both(view);
  for (const pid_t pid : all) {
    struct stat stat;
    ASSERT_EQ(::stat(proc(pid, "environ").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, 0u);
    EXPECT_NE(as_user(kUser, [pid] { return outcome(::open(proc(pid, "environ").c_str(), O_RDONLY)); }), 0);
  }
}
TEST_F(ProcessAttack, Session) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) EXPECT_EQ(::getsid(pid), pid);
}
TEST_F(ProcessAttack, Filters) {
  {
    const LiveView view(service, tree.path());
    if (both(view).empty()) return;
    filtered(view.broker(), sandbox::broker_policy());
    filtered(view.worker(), sandbox::worker_rw_policy());
  }
  wire::Hello hello = honest_hello();
  hello.read_only = true;
  const LiveView view(service, tree.path(), hello);
  if (both(view).empty()) return;
  filtered(view.broker(), sandbox::broker_policy());
  filtered(view.worker(), sandbox::worker_ro_policy());
}

class NamespaceAttack : public ProcessAttack {
 protected:
  void its_own(const char* kind) {
    const LiveView view(service, tree.path());
    for (const pid_t pid : both(view)) {
      EXPECT_NE(link_of(proc(pid, "ns/") + kind), link_of(std::string("/proc/self/ns/") + kind));
    }
  }
};
TEST_F(NamespaceAttack, Mount) { its_own("mnt"); }
TEST_F(NamespaceAttack, Process) { its_own("pid"); }
TEST_F(NamespaceAttack, Network) { its_own("net"); }
TEST_F(NamespaceAttack, Ipc) { its_own("ipc"); }
TEST_F(NamespaceAttack, HostName) { its_own("uts"); }
TEST_F(NamespaceAttack, Cgroup) { its_own("cgroup"); }

// ---- The broker of another server's connection ----

class ForeignBrokerProcess : public ProcessAttack {
 protected:
  ForeignBrokerProcess() {
    EXPECT_TRUE(std::filesystem::create_directories("/run/point") || ::access("/run/point", F_OK) == 0);
    EXPECT_EQ(::chown("/run/point", kUser, kUser), 0);
    server_ = std::make_unique<IdleServer>("/run/service.sock", "/run/point", kUser, kGroup);
    EXPECT_EQ(core::reason_name(server_->reason()), "none") << service.log();
    for (const wire::ViewInfo& info : service.list(0)) {
      EXPECT_TRUE(info.foreign);
      EXPECT_EQ(info.owner, kUser);
      broker = info.broker_pid;
      most_grants = info.most_grants;
    }
    EXPECT_GT(broker, 0);
  }
  pid_t broker = 0;
  uint32_t most_grants = 0;

 private:
  std::unique_ptr<IdleServer> server_;
};

TEST_F(ForeignBrokerProcess, IsAsItsServerButForItsRealUser) {
  std::istringstream ids(field(broker, "Uid"));
  uint32_t real, effective, saved, filesystem;
  ids >> real >> effective >> saved >> filesystem;
  EXPECT_EQ(effective, kUser);
  EXPECT_EQ(filesystem, kUser);
  for (const uint32_t id : {real, saved}) EXPECT_GE(id, core::Limits::kFirstPrivateUid);
  const std::string one = std::to_string(kUser);
  EXPECT_EQ(field(broker, "Gid"), one + " " + one + " " + one + " " + one);
  EXPECT_EQ(field(broker, "Groups"), one + " " + std::to_string(kGroup));
}
// Nor by the server itself, or another process of its user.
TEST_F(ForeignBrokerProcess, NobodySignalsIt) {
  for (const int signal : {SIGCONT, SIGSTOP, SIGKILL}) {
    EXPECT_EQ(as_user(kUser, [&] { return outcome(::kill(broker, signal)); }), EPERM) << signal;
  }
  EXPECT_EQ(as_user(kUser, [&] {
              const struct rlimit few {3, 3};
              return outcome(::prlimit(broker, RLIMIT_NOFILE, &few, nullptr));
            }), EPERM);
}
TEST_F(ForeignBrokerProcess, Capabilities) {
  for (const char* set : {"CapPrm", "CapEff"}) EXPECT_EQ(mask(broker, set), kSysAdmin) << set;
  for (const char* set : {"CapInh", "CapBnd", "CapAmb"}) EXPECT_EQ(mask(broker, set), 0u) << set;
  for (const pid_t thread : threads(broker)) {
    EXPECT_EQ(field_in(proc(broker, "task/") + std::to_string(thread) + "/status", "CapEff"), field(broker, "CapEff"));
  }
}
TEST_F(ForeignBrokerProcess, NoNewPrivileges) { EXPECT_EQ(field(broker, "NoNewPrivs"), "1"); }
TEST_F(ForeignBrokerProcess, Filters) {
  EXPECT_EQ(threads(broker).size(), 3u);
  filtered(broker, sandbox::foreign_broker_policy());
}
TEST_F(ForeignBrokerProcess, Descriptors) {
  EXPECT_EQ(descriptors(broker), (std::set<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(link_of(proc(broker, "fd/3")), "/dev/fuse");
  for (const char* number : {"0", "1", "5", "8"}) EXPECT_EQ(link_of(proc(broker, "fd/") + number), "/dev/null") << number;
  for (const char* number : {"6", "7", "9"}) EXPECT_TRUE(link_of(proc(broker, "fd/") + number).starts_with("socket:"));
}
// One for each of its grants, and those that it starts with.
TEST_F(ForeignBrokerProcess, FilesThatItMayHold) {
  const auto limit = [&](const std::string& name) {
    for (const std::string& line : lines_of(proc(broker, "limits"))) {
      if (line.starts_with(name)) return line.substr(name.size());
    }
    return std::string();
  };
  std::istringstream files(limit("Max open files")), core(limit("Max core file size"));
  uint32_t soft = 0, hard = 0;
  files >> soft >> hard;
  EXPECT_EQ(soft, most_grants + 64);
  EXPECT_EQ(hard, most_grants + 64);
  core >> soft >> hard;
  EXPECT_EQ(soft + hard, 0u);
}
TEST_F(ForeignBrokerProcess, Environment) { EXPECT_EQ(text_of(proc(broker, "environ")).find("SLUICE"), std::string::npos); }
TEST_F(ForeignBrokerProcess, Undumpable) {
  struct stat stat;
  ASSERT_EQ(::stat(proc(broker, "environ").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_uid, 0u);
  for (const char* what : {"environ", "mem", "maps", "syscall"}) {
    EXPECT_NE(as_user(kUser, [&] { return outcome(::open(proc(broker, what).c_str(), O_RDONLY)); }), 0) << what;
  }
}
TEST_F(ForeignBrokerProcess, Session) { EXPECT_EQ(::getsid(broker), broker); }
TEST_F(ForeignBrokerProcess, Namespaces) {
  for (const char* kind : {"mnt", "pid", "net", "ipc", "uts", "cgroup"}) {
    EXPECT_NE(link_of(proc(broker, "ns/") + kind), link_of(std::string("/proc/self/ns/") + kind)) << kind;
  }
  // The host's: what it does with its capability it does there.
  EXPECT_EQ(link_of(proc(broker, "ns/user")), link_of("/proc/self/ns/user"));
}
// An empty directory that cannot be written to, and no other mount.
TEST_F(ForeignBrokerProcess, SeesNothing) {
  EXPECT_EQ(lines_of(proc(broker, "mountinfo")).size(), 1u);
  for (const char* way : {"root/", "cwd/"}) {
    EXPECT_TRUE(std::filesystem::is_empty(proc(broker, way))) << way;
    EXPECT_NE(as_user(kUser, [&] { return outcome(::mkdir((proc(broker, way) + "new").c_str(), 0755)); }), 0) << way;
  }
}

// ---- The tree ----

TEST_F(ProcessAttack, RootDirectory) {
  const LiveView view(service, tree.path());
  struct stat source, root;
  ASSERT_EQ(::stat(tree.path().c_str(), &source), 0);
  for (const pid_t pid : both(view)) {
    for (const char* way : {"root/", "cwd/"}) {
      ASSERT_EQ(::stat(proc(pid, way).c_str(), &root), 0);
      EXPECT_EQ(root.st_ino, source.st_ino) << way;
      EXPECT_EQ(root.st_dev, source.st_dev) << way;
    }
  }
}
TEST_F(ProcessAttack, NoOtherMount) {
  const LiveView view(service, tree.path());
  for (const pid_t pid : both(view)) EXPECT_EQ(lines_of(proc(pid, "mountinfo")).size(), 1u);
}

// Where mounts are shared, as systemd makes them, nothing of a view's comes back to the host.
TEST_F(ProcessAttack, OnAHostWithSharedMounts) {
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr), 0);
  {
    const size_t before = lines_of("/proc/self/mountinfo").size();
    const LiveView view(service, tree.path());
    EXPECT_TRUE(view.up());
    EXPECT_EQ(lines_of("/proc/self/mountinfo").size(), before + 1);  // the view itself
  }
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
}

class TreeAttack : public ProcessAttack {
 protected:
  // Of the trees that the processes hold, by the descriptor, and of what is mounted inside.
  void flags_are(const char* option, unsigned long flag, bool read_only = false) {
    ASSERT_EQ(::mkdir(tree.path("mounted").c_str(), 0755), 0);
    ASSERT_EQ(::mount("tmpfs", tree.path("mounted").c_str(), "tmpfs", 0, ""), 0);
    {
      wire::Hello hello = honest_hello();
      hello.read_only = read_only;
      const LiveView view(service, tree.path(), hello);
      for (const pid_t pid : both(view)) {
        for (const std::string& line : lines_of(proc(pid, "mountinfo"))) {
          EXPECT_NE(("," + line).find(option), std::string::npos) << line;
        }
        for (const char* number : {"fd/4", "fd/5"}) {
          if (pid == view.worker() && number[3] == '5') continue;
          struct statvfs stat;
          ASSERT_EQ(::fstatvfs(bare(proc(pid, number)).get(), &stat), 0);
          EXPECT_NE(stat.f_flag & flag, 0u) << number;
        }
      }
    }
    ::umount2(tree.path("mounted").c_str(), MNT_DETACH);
  }
};
TEST_F(TreeAttack, NoSetUserId) { flags_are("nosuid", ST_NOSUID); }
TEST_F(TreeAttack, NoDevices) { flags_are("nodev", ST_NODEV); }
TEST_F(TreeAttack, NoPrograms) { flags_are("noexec", ST_NOEXEC); }
TEST_F(TreeAttack, NoLinks) { flags_are("nosymfollow", 0x2000); }
TEST_F(TreeAttack, ReadOnly) { flags_are(" ro,", ST_RDONLY, true); }
// The tree that is granted from for reading is read-only in each view.
TEST_F(TreeAttack, ReadOnlyRoot) {
  const LiveView view(service, tree.path());
  if (both(view).empty()) return;
  struct statvfs stat;
  ASSERT_EQ(::fstatvfs(bare(proc(view.broker(), "fd/4")).get(), &stat), 0);
  EXPECT_NE(stat.f_flag & ST_RDONLY, 0u);
}
// What is mounted in the source later does not come into the view.
TEST_F(TreeAttack, LaterMounts) {
  ASSERT_EQ(::mkdir(tree.path("dir").c_str(), 0755), 0);
  ASSERT_EQ(::mount(tree.path().c_str(), tree.path().c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, tree.path().c_str(), nullptr, MS_SHARED, nullptr), 0);
  {
    const LiveView view(service, tree.path());
    const auto processes = both(view);
    ASSERT_EQ(::mount("tmpfs", tree.path("dir").c_str(), "tmpfs", 0, ""), 0);
    for (const pid_t pid : processes) EXPECT_EQ(lines_of(proc(pid, "mountinfo")).size(), 1u);
  }
  ::umount2(tree.path("dir").c_str(), MNT_DETACH);
  ::umount2(tree.path().c_str(), MNT_DETACH);
}

// ---- The service ----

// Who asked for a record and does not read it holds up nobody: many times as much as the pipe holds.
class RecordAttack : public ProcessAttack {
 protected:
  static wire::Hello recorded() {
    wire::Hello hello = honest_hello();
    hello.record = true;
    return hello;
  }
  // For names that are not there.
  static int look_around(const LiveView& view) {
    return as_user(kUser, [&] {
      ::alarm(30);
      for (int i = 0; i < 8 * static_cast<int>(core::Limits::kRecordBytes) / 200; ++i) {
        const std::string name = std::string(200, 'n') + std::to_string(i);
        if (::access(view.path(name).c_str(), F_OK) == 0 || errno != ENOENT) return 1;
      }
      return 0;
    });
  }
};
TEST_F(RecordAttack, NobodyReadsIt) {
  const LiveView view(service, tree.path(), recorded());
  ASSERT_TRUE(view.up());
  ASSERT_TRUE(view.answer().record);
  EXPECT_EQ(look_around(view), 0);
  // Whatever the peer does with its end.
  EXPECT_EQ(::fcntl(view.answer().record.get(), F_SETFL, 0), 0);
  EXPECT_EQ(look_around(view), 0);
  EXPECT_EQ(service.list(0).size(), 1u);
}
TEST_F(RecordAttack, ItsReaderGoes) {
  LiveView view(service, tree.path(), recorded());
  ASSERT_TRUE(view.up());
  view.close_record();
  EXPECT_EQ(look_around(view), 0);
  EXPECT_EQ(service.list(0).size(), 1u);
}
// Who did not ask for one gets none, and what its worker writes there goes nowhere.
TEST_F(RecordAttack, NoneThatNobodyAskedFor) {
  const LiveView view(service, tree.path());
  ASSERT_TRUE(view.up());
  EXPECT_FALSE(view.answer().record);
  TakenOver worker(view.worker());
  EXPECT_EQ(worker.call_with_path(SYS_write, sandbox::kFdRecord, "stolen", {6}), 6);
  EXPECT_EQ(link_of(proc(view.worker(), "fd/1")), "/dev/null");
}
// And where there is one, a worker can write to it, and nothing else with it.
TEST_F(RecordAttack, IsWrittenAndNothingElse) {
  const LiveView view(service, tree.path(), recorded());
  ASSERT_TRUE(view.up());
  {
    TakenOver worker(view.worker());
    EXPECT_EQ(worker.call_with_path(SYS_write, sandbox::kFdRecord, "lie", {3}), 3);
    EXPECT_EQ(worker.call(SYS_read, {sandbox::kFdRecord, 0, 0}), TakenOver::kKilled);
  }
}

// ---- The keeper ----

class KeeperProcess : public ProcessAttack {
 protected:
  KeeperProcess() : ProcessAttack({"--keep-views", directory()}) {
    const std::string own = std::to_string(service.pid());
    std::istringstream children(text_of("/proc/" + own + "/task/" + own + "/children"));
    for (pid_t child = 0; children >> child;) {
      if (field(child, "Name") == "sluice-keeper") keeper = child;
    }
    EXPECT_GT(keeper, 0) << service.log();
  }
  // For the service alone, which prepares the rest of /run.
  static std::string directory() {
    const std::string path = "/var/tmp/sluice-keeper-" + std::to_string(::getpid());
    EXPECT_TRUE(::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST);
    return path;
  }
  ~KeeperProcess() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory(), ignored);
  }
  pid_t keeper = 0;
};

TEST_F(KeeperProcess, IsNobody) {
  const std::string one = std::to_string(core::Limits::kFirstPrivateUid + core::Limits::kPrivateUids);
  for (const char* ids : {"Uid", "Gid"}) EXPECT_EQ(field(keeper, ids), one + " " + one + " " + one + " " + one) << ids;
  EXPECT_EQ(field(keeper, "Groups"), "");
}
TEST_F(KeeperProcess, Capabilities) {
  for (const char* set : {"CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"}) EXPECT_EQ(mask(keeper, set), 0u) << set;
}
TEST_F(KeeperProcess, NoNewPrivileges) { EXPECT_EQ(field(keeper, "NoNewPrivs"), "1"); }
TEST_F(KeeperProcess, Filter) {
  EXPECT_EQ(threads(keeper).size(), 1u);
  filtered(keeper, sandbox::keeper_policy());
}
// Its listener, what it waits with, and the service.
TEST_F(KeeperProcess, Descriptors) {
  EXPECT_EQ(descriptors(keeper), (std::set<int>{0, 1, 2, 3, 4, 5}));
  for (const char* number : {"0", "1", "2"}) EXPECT_EQ(link_of(proc(keeper, "fd/") + number), "/dev/null") << number;
  for (const char* number : {"3", "5"}) EXPECT_TRUE(link_of(proc(keeper, "fd/") + number).starts_with("socket:")) << number;
  EXPECT_EQ(link_of(proc(keeper, "fd/4")), "anon_inode:[eventpoll]");
}
TEST_F(KeeperProcess, Namespaces) {
  for (const char* kind : {"net", "ipc", "uts", "cgroup"}) {
    EXPECT_NE(link_of(proc(keeper, "ns/") + kind), link_of(std::string("/proc/self/ns/") + kind)) << kind;
  }
}
TEST_F(KeeperProcess, Session) { EXPECT_EQ(::getsid(keeper), keeper); }
TEST_F(KeeperProcess, Environment) { EXPECT_EQ(text_of(proc(keeper, "environ")).find("SLUICE"), std::string::npos); }
TEST_F(KeeperProcess, Undumpable) {
  struct stat stat;
  ASSERT_EQ(::stat(proc(keeper, "environ").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_uid, 0u);
}
// Nobody else may have the service's lock, or what it says to its keeper.
TEST_F(KeeperProcess, TheMakerHasNothingOfIt) {
  for (const int number : descriptors(service.pid())) {
    const std::string file = link_of(proc(service.pid(), "fd/") + std::to_string(number));
    if (!file.ends_with("/keeper.lock")) continue;
    const std::string own = std::to_string(service.pid());
    std::istringstream children(text_of("/proc/" + own + "/task/" + own + "/children"));
    for (pid_t child = 0; children >> child;) {
      for (const int other : descriptors(child)) EXPECT_NE(link_of(proc(child, "fd/") + std::to_string(other)), file);
    }
    return;
  }
  ADD_FAILURE() << "the service has no lock";
}

TEST_F(ProcessAttack, CapabilitiesOfTheService) {
  for (const char* set : {"CapPrm", "CapEff"}) EXPECT_EQ(mask(service.pid(), set), 1u << 5) << set;  // KILL
}
TEST_F(ProcessAttack, CapabilitiesToComeBackToTheService) {
  for (const char* set : {"CapInh", "CapBnd", "CapAmb"}) EXPECT_EQ(mask(service.pid(), set), 0u) << set;
}
TEST_F(ProcessAttack, NoNewPrivilegesOfTheService) { EXPECT_EQ(field(service.pid(), "NoNewPrivs"), "1"); }
TEST_F(ProcessAttack, FilterOfTheService) { filtered(service.pid(), sandbox::sluiced_policy()); }
// Root's either way in /proc: the maker, which has it from the main process, is asked itself.
TEST_F(ProcessAttack, ServiceIsUndumpable) {
  ASSERT_GT(service.maker(), 0);
  EXPECT_EQ(TakenOver(service.maker()).call(SYS_prctl, {PR_GET_DUMPABLE}), 0);
}
TEST_F(ProcessAttack, CapabilitiesOfTheMaker) {
  for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) EXPECT_EQ(mask(service.maker(), set), 0x2401e0u) << set;
}
TEST_F(ProcessAttack, DescriptorsOfTheMaker) {
  // Standard ones, the channel to the main process, the three programs and where they are started; a peer's only while it forks.
  for (int i = 0; i < 100 && descriptors(service.maker()).size() > 8; ++i) ::usleep(10000);
  EXPECT_EQ(descriptors(service.maker()).size(), 8u);
}
TEST_F(ProcessAttack, DescriptorsOfTheService) {
  for (const int number : descriptors(service.pid())) {
    const std::string file = link_of(proc(service.pid(), "fd/") + std::to_string(number));
    EXPECT_TRUE(number <= 2 || !file.starts_with("/run/log")) << number;
  }
}

// ---- Somebody runs their code ----

TEST_F(ProcessAttack, AWorkerReadsNoFile) {
  const LiveView view(service, tree.path());
  if (both(view).empty()) return;
  TakenOver worker(view.worker());
  EXPECT_LT(worker.call_with_path(SYS_openat, 4, "plain", {O_RDONLY | O_CLOEXEC}), 0);
}
TEST_F(ProcessAttack, AWorkerOfAReadOnlyViewMakesNothing) {
  wire::Hello hello = honest_hello();
  hello.read_only = true;
  const LiveView view(service, tree.path(), hello);
  if (both(view).empty()) return;
  TakenOver(view.worker()).call_with_path(SYS_mkdirat, 4, "new", {0755});
  EXPECT_NE(::access(tree.path("new").c_str(), F_OK), 0);
}
TEST_F(ProcessAttack, TheServiceRemovesNothing) {
  // In a directory of root's, so that it is no other check that keeps it.
  const std::string victim = tree.path("../victim");
  std::ofstream(victim) << "of the host";
  TakenOver(service.pid()).call_with_path(SYS_unlinkat, 3, victim, {0});
  EXPECT_EQ(::access(victim.c_str(), F_OK), 0);
}

// ---- Preserve mode ----

TEST(PreserveAttack, Capabilities) {
  Tree tree;
  LiveService service({"--preserve"});
  wire::Hello hello = honest_hello();
  hello.preserve = true;
  const LiveView view(service, tree.path(), hello);
  ASSERT_TRUE(view.up()) << service.log();
  EXPECT_EQ(mask(view.broker(), "CapEff"), kSysAdmin | 2 | 8);
  EXPECT_EQ(mask(view.worker(), "CapEff"), 0x1bu);
  for (const char* kind : {"Uid", "Gid"}) {
    std::istringstream ids(field(view.broker(), kind));
    for (uint32_t id; ids >> id;) EXPECT_GE(id, core::Limits::kFirstPrivateUid) << kind;
  }
  EXPECT_EQ(field(view.broker(), "Groups"), "");
  EXPECT_NE(link_of(proc(view.worker(), "ns/user")), link_of("/proc/self/ns/user"));
}
TEST(PreserveAttack, CapabilitiesOfTheMaker) {
  constexpr uint64_t kMaker = 0x2401e0 | 2 | 8 | uint64_t{1} << CAP_SETFCAP;
  for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) {
    EXPECT_EQ(mask(LiveService({"--preserve"}).maker(), set), kMaker) << set;
    EXPECT_EQ(mask(LiveService({"--preserve", "--device-nodes"}).maker(), set), kMaker | uint64_t{1} << CAP_MKNOD) << set;
  }
}
// The one broker that makes device nodes, beside one that does not, of the same service.
TEST(PreserveAttack, OnlyTheBrokerThatMakesDevices) {
  Tree tree;
  ASSERT_EQ(::mount(tree.path().c_str(), tree.path().c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, tree.path().c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_NODEV, nullptr), 0);
  LiveService service({"--preserve", "--device-nodes"});
  wire::Hello hello = honest_hello();
  hello.preserve = true;
  {
    const LiveView view(service, tree.path(), hello);
    ASSERT_TRUE(view.up()) << service.log();
    EXPECT_EQ(mask(view.broker(), "CapEff"), kSysAdmin | 2 | 8);
    filtered(view.broker(), sandbox::broker_policy());
  }
  hello.device_nodes = true;
  const LiveView view(service, tree.path(), hello);
  ASSERT_TRUE(view.up()) << service.log();
  EXPECT_TRUE(view.info().device_nodes);
  EXPECT_EQ(mask(view.broker(), "CapEff"), kSysAdmin | 2 | 8 | uint64_t{1} << CAP_MKNOD);
  EXPECT_EQ(mask(view.worker(), "CapEff"), 0x1bu);
  filtered(view.broker(), sandbox::broker_devices_policy());
  filtered(view.worker(), sandbox::worker_rw_policy());
  ASSERT_EQ(::umount2(tree.path().c_str(), MNT_DETACH), 0);
}

// ---- Pieces ----

// Runs body in a process of its own that may be spoilt.
int apart(const std::function<int()>& body) { return as_user(0, body); }

TEST(ConfineAttack, SecurebitsAreLocked) {
  EXPECT_EQ(apart([] {
    if (!sandbox::keep_capabilities({}).ok()) return 1;
    const int bits = ::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
    const int wanted = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                       SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                       SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    return (bits & wanted) == wanted ? 0 : 2;
  }), 0);
}
// Whoever got it cannot change it for the other.
TEST(ConfineAttack, ConfigurationIsSealed) {
  const uint8_t content[] = {1, 2, 3};
  const auto file = os::sealed_file("test", content);
  ASSERT_TRUE(file.ok());
  EXPECT_LT(::pwrite(file->get(), "x", 1, 0), 0);
  EXPECT_LT(::ftruncate(file->get(), 1), 0);
  EXPECT_LT(::ftruncate(file->get(), 10), 0);
}
// Else the service would die reading it.
TEST(ConfineAttack, CountersKeepTheirSize) {
  const auto file = os::counter_file("test", 4096);
  ASSERT_TRUE(file.ok());
  EXPECT_LT(::ftruncate(file->get(), 0), 0);
  EXPECT_LT(::fcntl(file->get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
}

}  // namespace
}  // namespace sluice::adversary
