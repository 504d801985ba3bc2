#include "arena.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sluice::adversary {
namespace {

constexpr int kSkipped = 77;
// The times that attacks name are those of a machine with nothing else to do; as bounds against what hangs
// they are this many times as long.
constexpr int kPatience = 4;
std::string directory;

bool variable_is_one(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && std::string(value) == "1";
}

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

[[noreturn]] void end_child(bool failed_before) {
  std::fflush(nullptr);
  ::_exit(!failed_before && ::testing::Test::HasFailure() ? 1 : 0);
}

pid_t fork_into(uint64_t namespaces, int* pidfd) {
  std::fflush(nullptr);
  struct clone_args arguments {};
  arguments.flags = CLONE_PIDFD | namespaces;
  arguments.pidfd = reinterpret_cast<uint64_t>(pidfd);
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
  // Whoever is killed takes its own along.
  if (pid == 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

// The first process of the namespaces.
[[noreturn]] void be_first(void (*body)()) {
  ::setsid();
  // Slaves: a view that somebody else takes off meanwhile must go, and not live on in a copy here.
  const char* programs = std::getenv("SLUICE_BIN");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0 ||
      ::mount("proc", "/proc", "proc", 0, nullptr) != 0 ||
      ::mount("tmpfs", "/run", "tmpfs", 0, "mode=755") != 0 || ::mkdir("/run/bin", 0755) != 0 ||
      ::mount(programs, "/run/bin", nullptr, MS_BIND, nullptr) != 0) {
    std::perror("the attack's own mounts");
    ::_exit(1);
  }
  ::umask(022);
  ::signal(SIGPIPE, SIG_IGN);
  body();
  ::kill(-1, SIGKILL);
  end_child(false);
}

// Every process of the attack by its own number: the first may wait for another of them in its own
// end, and only once it has ended would the kernel kill the others.
void kill_all_of(pid_t first) {
  const auto space_of = [](const std::string& pid) {
    std::error_code none;
    return std::filesystem::read_symlink("/proc/" + pid + "/ns/pid", none);
  };
  const auto space = space_of(std::to_string(first));
  if (space.empty() || space == space_of("self")) return;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    const os::Fd pidfd(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
    if (!pidfd || space_of(std::to_string(pid)) != space) continue;
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  }
}

// What an attack that died left: files that cannot be removed.
void clear_inode_flags() {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           directory, std::filesystem::directory_options::skip_permission_denied)) {
    const os::Fd fd(::open(entry.path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    int flags = 0;
    if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) < 0) continue;
    flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
    ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
  }
}

void remove_directory() {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) {
    clear_inode_flags();
    std::filesystem::remove_all(directory, error);
  }
  EXPECT_FALSE(error) << "cannot remove " << directory << ": " << error.message();
}

}  // namespace

void need(bool met, const std::string& what) {
  if (met) return;
  const bool required = variable_is_one("SLUICE_REQUIRE_ALL");
  std::printf("%s: needs %s\n", required ? "MISSING, and SLUICE_REQUIRE_ALL=1" : "SKIPPED", what.c_str());
  std::fflush(nullptr);
  ::_exit(required ? 1 : kSkipped);
}

const std::string& work_dir() { return directory; }
int persistence() { return variable_is_one("SLUICE_LONG") ? 20 : 1; }

void run_attack(void (*body)(), int seconds) {
  const char* base = std::getenv("TMPDIR");
  directory = std::string(base != nullptr ? base : "/var/tmp") + "/sluice-attack-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  ::chmod(directory.c_str(), 0755);
  int raw = -1;
  const pid_t first = fork_into(CLONE_NEWPID | CLONE_NEWNS, &raw);
  ASSERT_GE(first, 0) << "namespaces: " << std::strerror(errno);
  if (first == 0) be_first(body);
  const os::Fd pidfd(raw);
  struct pollfd ended {pidfd.get(), POLLIN, 0};
  const int most_seconds = seconds * persistence() * kPatience;
  if (::poll(&ended, 1, most_seconds * 1000) != 1) {
    ADD_FAILURE() << "the attack did not end within " << most_seconds << " s";
    kill_all_of(first);
    ::kill(first, SIGKILL);
    if (::poll(&ended, 1, 5000) != 1) {
      ADD_FAILURE() << "and could not be ended";
      return;
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(first, &status, 0), first);
  remove_directory();
  if (exit_status(status) == kSkipped) GTEST_SKIP();
  EXPECT_EQ(exit_status(status), 0) << "the attack failed; what is said above";
}

bool in_process(uint32_t uid, int seconds, const Body& body) {
  const bool failed_before = ::testing::Test::HasFailure();
  int raw = -1;
  const pid_t pid = fork_into(0, &raw);
  if (pid == 0) {
    if (uid != 0 && (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
                     ::setresuid(uid, uid, uid) != 0)) {
      ::_exit(1);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // which a change of uid takes back
    body();
    end_child(failed_before);
  }
  const os::Fd pidfd(raw);
  struct pollfd waiting {pidfd.get(), POLLIN, 0};
  const int most_seconds = seconds * persistence() * kPatience;
  const bool in_time = ::poll(&waiting, 1, most_seconds * 1000) == 1;
  EXPECT_TRUE(in_time) << "not done within " << most_seconds << " s";
  if (!in_time) ::kill(pid, SIGKILL);
  if (!in_time && ::poll(&waiting, 1, 5000) != 1) return false;  // stuck in the kernel
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(exit_status(status), in_time ? 0 : 128 + SIGKILL);
  return in_time && exit_status(status) == 0;
}

Program::Program(std::vector<std::string> argv, std::string output, const Body& before)
    : output_(std::move(output)) {
  int pidfd = -1;
  pid_ = fork_into(0, &pidfd);
  if (pid_ != 0) {
    ::close(pidfd);
    return;
  }
  const int file = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
  if (before) before();
  std::vector<char*> words;
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

Program::Program(const Body& body) {
  const bool failed_before = ::testing::Test::HasFailure();
  int pidfd = -1;
  pid_ = fork_into(0, &pidfd);
  if (pid_ != 0) {
    ::close(pidfd);
    return;
  }
  body();
  end_child(failed_before);
}

Program::~Program() {
  if (status_ >= 0) return;
  signal(SIGKILL);
  EXPECT_TRUE(ended(5000)) << "process " << pid_ << " cannot be killed";
}

bool Program::ended(int milliseconds) {
  return eventually(milliseconds, [&] {
    int status = 0;
    if (status_ < 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = exit_status(status);
    return status_ >= 0;
  });
}
void Program::signal(int number) const {
  if (status_ < 0) ::kill(pid_, number);
}
std::string Program::output() const { return read_all(output_); }

int run_program(const std::vector<std::string>& argv, std::string* output, int seconds,
                const Body& before) {
  Program program(argv, work_dir() + "/output", before);
  const bool in_time = program.ended(seconds * kPatience * 1000);
  if (output != nullptr) *output = program.output();
  return in_time ? program.status() : -1;
}

bool eventually(int milliseconds, const std::function<bool()>& so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (!so()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    ::usleep(2000);
  }
  return true;
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_all(const std::string& path, const std::string& content, uint32_t owner, uint32_t mode) {
  std::ofstream(path, std::ios::binary) << content;
  EXPECT_EQ(::chown(path.c_str(), owner, owner), 0) << path;
  EXPECT_EQ(::chmod(path.c_str(), mode), 0) << path;
}

std::string field_of(pid_t pid, const std::string& field) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(field + ":\t", 0) == 0) return line.substr(field.size() + 2);
  }
  return "";
}

std::vector<Found> processes() {
  std::vector<Found> found;
  DIR* proc = ::opendir("/proc");
  while (const struct dirent* entry = ::readdir(proc)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 1) continue;
    const std::string state = field_of(pid, "State");
    if (state.empty()) continue;
    found.push_back({pid, std::atoi(field_of(pid, "PPid").c_str()), field_of(pid, "Name"), state[0]});
  }
  ::closedir(proc);
  return found;
}

std::vector<pid_t> named(const std::string& name) {
  std::vector<pid_t> found;
  for (const Found& process : processes()) {
    if (process.name == name && process.state != 'Z') found.push_back(process.pid);
  }
  return found;
}

size_t descriptors_of(pid_t pid) {
  std::error_code ignored;
  size_t count = 0;
  const std::string path = "/proc/" + std::to_string(pid) + "/fd";
  for (auto at = std::filesystem::directory_iterator(path, ignored); at != std::filesystem::directory_iterator();
       at.increment(ignored)) {
    ++count;
  }
  return count;
}

}  // namespace sluice::adversary
