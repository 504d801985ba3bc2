#include "process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace sluicebench {
namespace {

volatile sig_atomic_t interrupted = 0;

constexpr int kSliceMs = 100;  // so that a signal between two polls is seen soon
constexpr int kEndMs = 2000;   // for a process that was killed to be gone

bool Readable(int fd, int milliseconds) {
  struct pollfd waiting = {fd, POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) > 0;
}

// All that comes until the end of the stream.
std::string ReadAll(int fd, const Deadline& deadline, const std::string& what) {
  std::string bytes;
  char buffer[65536];
  for (;;) {
    if (!Readable(fd, deadline.Left(kSliceMs, what))) continue;
    const ssize_t length = ::read(fd, buffer, sizeof(buffer));
    if (length < 0 && errno == EINTR) continue;
    if (Must(length, what) == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(length));
  }
}

std::pair<Fd, Fd> Pipe() {
  int ends[2];
  Must(::pipe2(ends, O_CLOEXEC), "pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

void EndWithin(Child& child, const Deadline& deadline, const std::string& what) {
  while (!child.Ended(deadline.Left(kSliceMs, what))) {
  }
  if (child.exit_status() != 0) {
    throw Failure(what + ": ended with status " + std::to_string(child.exit_status()));
  }
}

}  // namespace

long Must(long result, const std::string& what) {
  if (result < 0) throw Failure(what + ": " + std::strerror(errno));
  return result;
}

Deadline::Deadline(double seconds)
    : end_(std::chrono::steady_clock::now() +
           std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000))) {}

int Deadline::Left(int most, const std::string& what) const {
  if (interrupted != 0) throw Failure("interrupted");
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      end_ - std::chrono::steady_clock::now());
  if (left.count() <= 0) throw Failure(what + ": out of time");
  return static_cast<int>(std::min<int64_t>(most, left.count()));
}

void PrepareProcess() {
  if (::getpgrp() != ::getpid() && ::getsid(0) != ::getpid()) (void)::setpgid(0, 0);
  Must(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "subreaper");
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
  action.sa_handler =
      SIG_IGN;  // a reader that left is an error of write(); a terminal's output, too
  for (const int number : {SIGPIPE, SIGTTOU}) ::sigaction(number, &action, nullptr);
}

void EndDescendants() {
  for (int attempt = 0; attempt < 50; ++attempt) {
    const std::vector<Process> left = Descendants(::getpid());
    if (left.empty()) return;
    for (const Process& process : left) ::kill(process.pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    ::usleep(20'000);
  }
}

RealTime::RealTime() {
  const struct sched_param least = {1};
  (void)::sched_setscheduler(0, SCHED_RR, &least);
}

RealTime::~RealTime() {
  const struct sched_param none = {0};
  (void)::sched_setscheduler(0, SCHED_OTHER, &none);
}

Child::Child(const std::function<void()>& body) {
  std::fflush(nullptr);
  pid_ = static_cast<pid_t>(Must(::fork(), "fork"));
  if (pid_ == 0) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTTOU}) ::signal(number, SIG_DFL);
    int status = 0;
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "bench: in a child: %s\n", error.what());
      status = 1;
    }
    std::fflush(nullptr);
    ::_exit(status);
  }
  pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

Child::~Child() {
  if (status_ >= 0) return;
  Signal(SIGKILL);
  for (int waited = 0; waited < kEndMs && !Ended(kSliceMs); waited += kSliceMs) {
  }
}

bool Child::Ended(int milliseconds) {
  if (status_ >= 0) return true;
  if (!Readable(pidfd_.get(), milliseconds)) return false;
  int status;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

void Child::Signal(int number) const {
  if (status_ < 0) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

void Become(uid_t uid) {
  Must(::setgroups(0, nullptr), "setgroups");
  Must(::setresgid(uid, uid, uid), "setresgid");
  Must(::setresuid(uid, uid, uid), "setresuid");
  Must(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "parent's death");
}

void Exec(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  std::fprintf(stderr, "bench: cannot start %s: %s\n", argv[0], std::strerror(errno));
  ::_exit(127);
}

void RunCommand(const std::vector<std::string>& words, int status) {
  const char* const environment[] = {"PATH=/usr/bin:/bin",        "HOME=/nonexistent",
                                     "LC_ALL=C",                  "GIT_CONFIG_GLOBAL=/dev/null",
                                     "GIT_CONFIG_NOSYSTEM=1",     nullptr};
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const std::string path = "/usr/bin/" + words[0];
  const int failed = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, argv.data(),
                                   const_cast<char* const*>(environment));
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw Failure(path + ": " + std::strerror(failed));
  int ended = 0;
  Must(::waitpid(pid, &ended, 0), words[0]);
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) != status) {
    throw Failure(words[0] + ": ended otherwise than it should (" + std::to_string(ended) + ")");
  }
}

std::string InChild(uid_t uid, const std::function<std::string()>& body, const Deadline& deadline,
                    const std::string& what, const std::function<void()>& meanwhile) {
  auto [read_end, write_end] = Pipe();
  const int out = write_end.get();
  Child child([&, out] {
    Become(uid);
    const std::string bytes = body();
    Must(::write(out, bytes.data(), bytes.size()), "result");
  });
  write_end.reset();
  if (meanwhile) meanwhile();
  std::string bytes = ReadAll(read_end.get(), deadline, what);
  EndWithin(child, deadline, what);
  return bytes;
}

std::string Output(const std::vector<std::string>& words, const Deadline& deadline) {
  auto [read_end, write_end] = Pipe();
  const int out = write_end.get();
  Child child([&, out] {
    Must(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "parent's death");
    Must(::dup2(out, STDOUT_FILENO), "dup2");
    Exec(words);
  });
  write_end.reset();
  std::string bytes = ReadAll(read_end.get(), deadline, words[0]);
  EndWithin(child, deadline, words[0] + " " + words[1]);
  return bytes;
}

std::vector<Process> Descendants(pid_t of) {
  std::multimap<pid_t, Process> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string number = entry.path().filename();
    if (!std::all_of(number.begin(), number.end(),
                     [](unsigned char c) { return std::isdigit(c); })) {
      continue;
    }
    std::ifstream file(entry.path() / "stat");
    std::string line;
    // pid (name) state parent; the name may hold anything, so its end is the last parenthesis.
    if (!std::getline(file, line)) continue;
    const size_t open = line.find('('), close = line.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    std::istringstream rest(line.substr(close + 1));
    std::string state;
    pid_t parent = 0;
    rest >> state >> parent;
    children.emplace(parent, Process{std::stoi(number), line.substr(open + 1, close - open - 1)});
  }
  std::vector<Process> found;
  std::vector<pid_t> next = {of};
  while (!next.empty()) {
    const auto [begin, end] = children.equal_range(next.back());
    next.pop_back();
    for (auto at = begin; at != end; ++at) {
      found.push_back(at->second);
      next.push_back(at->second.pid);
    }
  }
  return found;
}

void StayOnOneProcessor() {
  cpu_set_t allowed;
  Must(::sched_getaffinity(0, sizeof(allowed), &allowed), "processors");
  int first = 0;
  while (!CPU_ISSET(first, &allowed)) ++first;
  CPU_ZERO(&allowed);
  CPU_SET(first, &allowed);
  Must(::sched_setaffinity(0, sizeof(allowed), &allowed), "one processor");
}

}  // namespace sluicebench
