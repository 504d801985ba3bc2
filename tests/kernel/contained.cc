#include "contained.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "process.h"
#include "sys.h"

namespace kerneltest {
namespace {

// Against what hangs: several times what the longest takes on a slow machine with other work.
constexpr int kDeadlineMs = 40'000;
constexpr int kGraceMs = 5'000;

// Shared between the guard and the other processes of one test.
struct Notes {
  std::array<std::atomic<unsigned>, 64> connections;  // minor numbers; zero is a free place
};

Notes* g_notes = nullptr;
std::string g_work_dir;

// The one place that decides what a missing privilege or kernel feature means.
void ReportMissing(const Missing& missing) {
  const char* value = getenv("SLUICE_REQUIRE_ALL");
  if (value != nullptr && std::string(value) == "1") {
    FAIL() << "MISSING, and SLUICE_REQUIRE_ALL is set: " << missing.what();
  }
  GTEST_SKIP() << "MISSING: " << missing.what();
}

// --- What is told over a pipe: one record per failed assertion or skip ----------------------

class Teller : public testing::EmptyTestEventListener {
 public:
  explicit Teller(int fd) : fd_(fd) {}
  void OnTestPartResult(const testing::TestPartResult& part) override {
    if (part.type() == testing::TestPartResult::kSuccess) return;
    const char* file = part.file_name() != nullptr ? part.file_name() : "unknown";
    std::ostringstream record;
    record << static_cast<int>(part.type()) << '\n'
           << file << '\n'
           << part.line_number() << '\n'
           << part.message() << '\0';
    const std::string bytes = record.str();
    if (write(fd_, bytes.data(), bytes.size()) < 0) return;  // nobody is left to hear it
  }

 private:
  int fd_;
};

// From now on the results of this process and its children go there, instead of being printed.
void TellThrough(int fd) {
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new Teller(fd));
  signal(SIGPIPE, SIG_IGN);
}

// What is told until the guard ended. Not to the end of the file: a process that could not be ended
// would hold that back.
std::string ReadUntilEnded(int told, int guard) {
  std::string text;
  for (;;) {
    pollfd ready[2] = {{told, POLLIN, 0}, {guard, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) continue;
    char buffer[4096];
    if (ready[0].revents & POLLIN) {
      const ssize_t size = read(told, buffer, sizeof(buffer));
      if (size > 0) text.append(buffer, static_cast<size_t>(size));
    } else if (ready[1].revents & POLLIN) {
      return text;
    }
  }
}

// Repeats here what was told.
void Repeat(const std::string& told) {
  std::istringstream records(told);
  for (std::string record; std::getline(records, record, '\0');) {
    std::istringstream lines(record);
    std::string type, file, line, message;
    std::getline(lines, type);
    std::getline(lines, file);
    std::getline(lines, line);
    std::getline(lines, message, '\0');
    const std::string added = "Failed\n";  // by ADD_FAILURE there, and again here
    if (message.rfind(added, 0) == 0) message.erase(0, added.size());
    if (type == std::to_string(testing::TestPartResult::kSkip)) {
      [&] { GTEST_SKIP() << message; }();
    } else {
      ADD_FAILURE_AT(file.c_str(), atoi(line.c_str())) << message;
    }
  }
}

// --- The ground that the tests stand on --------------------------------------------------------

void ForceUnmountAllBelow(const std::string& directory) {
  std::vector<std::string> points;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) fields >> field;
    if (field.rfind(directory + "/", 0) == 0) points.push_back(field);
  }
  std::reverse(points.begin(), points.end());
  for (const std::string& point : points) umount2(point.c_str(), MNT_FORCE | MNT_DETACH);
}

// Once for the whole binary. Throws Missing.
void PrepareGround() {
  static bool done = false;
  if (done) return;
  Need(geteuid() == 0, "root (mounting, BACKING_OPEN)");
  Must(Sys(unshare(CLONE_NEWNS)), "a private mount namespace");
  Must(Sys(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr)), "private propagation");
  done = true;
}

std::string MakeWorkDir() {
  const char* variable = getenv("TMPDIR");
  const std::string base = variable != nullptr ? variable : "/var/tmp";
  struct statfs filesystem = {};
  Must(Sys(statfs(base.c_str(), &filesystem)), "statfs " + base);
  Need(filesystem.f_type == EXT4_SUPER_MAGIC, "ext4 at " + base + " (TMPDIR names another place)");
  std::string path = base + "/sluice-kernel-XXXXXX";
  Must(mkdtemp(path.data()) != nullptr ? 0 : -errno, "mkdtemp " + path);
  chmod(path.c_str(), 0755);
  return path;
}

// Kills and reaps the children of the guard, to which all orphans of the test come, until none is
// left; false where the time does not suffice.
bool EndAllChildren(int milliseconds) {
  return Eventually(
      [] {
        std::ifstream children("/proc/self/task/" + std::to_string(getpid()) + "/children");
        for (pid_t child = 0; children >> child;) kill(child, SIGKILL);
        pid_t reaped = 0;
        do {
          reaped = waitpid(-1, nullptr, WNOHANG);
        } while (reaped > 0);
        return reaped < 0 && errno == ECHILD;
      },
      milliseconds);
}

// A test that died may leave files that cannot be removed.
void ClearInodeFlags() {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(g_work_dir)) {
    const Fd fd(open(entry.path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    int flags = 0;
    if (ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) < 0) continue;
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
  }
}

// Only where processes are stuck: they hold the connection, and with it its number.
void AbortRememberedConnections() {
  for (const auto& connection : g_notes->connections) {
    if (connection != 0) AbortConnection(connection);
  }
}

// Ends what the test started, whatever state it is in. First the connections, then the processes:
// the other way round they cannot be killed (fact 19).
void EndTest(pid_t group) {
  ForceUnmountAllBelow(g_work_dir);
  kill(-group, SIGKILL);
  if (!EndAllChildren(kGraceMs)) {
    AbortRememberedConnections();
    if (!EndAllChildren(kGraceMs)) ADD_FAILURE() << "processes of the test could not be ended";
  }
  ForceUnmountAllBelow(g_work_dir);  // what was mounted meanwhile
}

void RemoveWorkDir() {
  std::error_code error;
  std::filesystem::remove_all(g_work_dir, error);
  if (error) {
    ClearInodeFlags();
    std::filesystem::remove_all(g_work_dir, error);
  }
  EXPECT_FALSE(error) << "cannot remove " << g_work_dir << ": " << error.message();
}

[[noreturn]] void RunBody(void (*body)()) {
  DieWithParent();
  try {
    body();
  } catch (const Missing& missing) {
    ReportMissing(missing);
  } catch (const std::exception& error) {
    ADD_FAILURE() << "set-up failed: " << error.what();
  }
  _exit(0);
}

// In the guard: makes the ground of one test, runs its body, ends it, and cleans up.
void Guard(void (*body)()) {
  // A session of its own: what ends the test binary, Ctrl-C too, does not end its clean-up.
  Must(Sys(setsid()), "setsid");
  // Orphans of a child that died come to this process and are reaped by it.
  Must(Sys(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)), "subreaper");
  void* shared =
      mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Must(shared == MAP_FAILED ? -errno : 0, "mmap");
  g_notes = new (shared) Notes{};
  g_work_dir = MakeWorkDir();
  const pid_t child = static_cast<pid_t>(Must(Sys(fork()), "fork"));
  if (child == 0) {
    setpgid(0, 0);
    RunBody(body);
  }
  setpgid(child, child);
  const Fd pidfd(Must(Sys(syscall(SYS_pidfd_open, child, 0)), "pidfd_open"));
  pollfd ended = {pidfd.get(), POLLIN, 0};
  siginfo_t state = {};
  if (poll(&ended, 1, kDeadlineMs) != 1) {
    ADD_FAILURE() << "the test did not end within " << kDeadlineMs << " ms";
  } else if (waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &state, WEXITED | WNOWAIT) == 0 &&
             (state.si_code != CLD_EXITED || state.si_status != 0)) {
    ADD_FAILURE() << "the test's process died, status " << state.si_status;
  }
  EndTest(child);
  RemoveWorkDir();
}

}  // namespace

void Need(bool met, const std::string& what) {
  if (!met) throw Missing(what);
}

void NeedKernel(int major, int minor, const std::string& what) {
  Need(KernelAtLeast(major, minor),
       "Linux " + std::to_string(major) + "." + std::to_string(minor) + ": " + what);
}

void NeedUserNamespaces() {
  static const long possible = InChild([]() -> long {
    Become({kAlice});
    return Sys(unshare(CLONE_NEWUSER));
  });
  Need(possible == 0, "user namespaces for unprivileged processes (" + Err(possible) + ")");
}

const std::string& WorkDir() { return g_work_dir; }

const std::string& TmpfsDir() {
  static std::string path;
  if (path.empty()) {
    path = g_work_dir + "/tmpfs";
    Must(Sys(mkdir(path.c_str(), 0755)), "mkdir " + path);
    Must(Sys(mount("tmpfs", path.c_str(), "tmpfs", 0, "mode=0755")), "mount a tmpfs");
  }
  return path;
}

const std::string& FuseNodeForAll() {
  static std::string path;
  if (path.empty()) {
    const std::string node = TmpfsDir() + "/fuse";
    Must(Sys(mknod(node.c_str(), S_IFCHR, makedev(10, 229))), "mknod");
    Must(Sys(chmod(node.c_str(), 0666)), "chmod");
    path = node;
  }
  return path;
}

void RememberConnection(unsigned minor) {
  for (auto& place : g_notes->connections) {
    unsigned free = 0;
    if (place.compare_exchange_strong(free, minor)) return;
  }
}

void ForgetConnection(unsigned minor) {
  for (auto& place : g_notes->connections) {
    unsigned mine = minor;
    if (place.compare_exchange_strong(mine, 0)) return;
  }
}

long AbortConnection(unsigned minor) {
  constexpr long kFuseCtlMagic = 0x65735543;
  const std::string control = g_work_dir + "/fusectl";
  struct statfs filesystem = {};
  mkdir(control.c_str(), 0700);
  if (statfs(control.c_str(), &filesystem) == 0 && filesystem.f_type != kFuseCtlMagic &&
      mount("fusectl", control.c_str(), "fusectl", 0, nullptr) < 0) {
    return -errno;
  }
  const std::string path = control + "/" + std::to_string(minor) + "/abort";
  const Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.get() < 0) return -errno;
  return Sys(write(fd.get(), "1", 1));
}

void RunContained(void (*body)()) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  try {
    PrepareGround();
  } catch (const Missing& missing) {
    return ReportMissing(missing);
  }
  fflush(nullptr);
  const pid_t guard = fork();
  ASSERT_GE(guard, 0);
  if (guard == 0) {
    TellThrough(write_end.get());
    try {
      Guard(body);
    } catch (const Missing& missing) {
      ReportMissing(missing);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "set-up failed: " << error.what();
    }
    _exit(0);
  }
  write_end.Close();
  const Fd ended(syscall(SYS_pidfd_open, guard, 0));
  const std::string told = ReadUntilEnded(read_end.get(), ended.get());
  int status = 0;
  waitpid(guard, &status, 0);
  EXPECT_EQ(status, 0) << "the guard of the test died";
  Repeat(told);
}

}  // namespace kerneltest
