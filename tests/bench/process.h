// Processes of a benchmark: children that run a function or a program, with a deadline for all of
// them. Whatever was started is ended with the object that stands for it, and nothing else is.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "os/fd.h"

namespace sluicebench {

using sluice::os::Fd;

// Everything that goes wrong; caught in main().
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// What the machine does not have.
struct Missing : Failure {
  using Failure::Failure;
};

// Throws Failure with errno's text when result is negative.
long Must(long result, const std::string& what);

// Until then everything has to be done: a benchmark that hangs is a failed one.
class Deadline {
 public:
  explicit Deadline(double seconds);
  // Milliseconds that are left, at most `most`; throws when there are none, or on SIGINT, SIGTERM.
  int Left(int most, const std::string& what) const;

 private:
  std::chrono::steady_clock::time_point end_;
};

// First thing in main(): orphans of our children become our children, SIGINT and SIGTERM become a
// Failure at the next wait, and the process has a group of its own.
void PrepareProcess();

// Ends every process that descends from this one; for the very end, and for a failure.
void EndDescendants();

// While it lives, this process and what it starts come before all ordinary processes, so that the
// load of others does not count. Without the right to that: nothing.
class RealTime {
 public:
  RealTime();
  ~RealTime();
  RealTime(const RealTime&) = delete;
  RealTime& operator=(const RealTime&) = delete;
};

// A forked process, killed and reaped with the object.
class Child {
 public:
  explicit Child(const std::function<void()>& body);  // exits with 0, or 1 when it throws
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  bool Ended(int milliseconds);  // whether it ends within this time; SIGINT cuts it short
  int exit_status() const { return status_; }  // of one that ended; 128 + signal
  void Signal(int number) const;

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
  int status_ = -1;
};

// In a child: becomes this user for good, with no other group, and dies with the benchmark.
void Become(uid_t uid);
// In a child: becomes this program.
[[noreturn]] void Exec(const std::vector<std::string>& words);

// Runs a program of the distribution to its end, as this process's user, with nothing of its
// environment, and its output thrown away; throws where its status is another one.
void RunCommand(const std::vector<std::string>& words, int status = 0);

// Runs body as uid in a child and hands back the bytes that it returned. meanwhile: what this
// process does once the child is there.
std::string InChild(uid_t uid, const std::function<std::string()>& body, const Deadline& deadline,
                    const std::string& what, const std::function<void()>& meanwhile = {});
// Runs a program to its end and hands back what it wrote to stdout; throws where it failed.
std::string Output(const std::vector<std::string>& words, const Deadline& deadline);

// A hand-over to another processor costs several times what it costs on one.
void StayOnOneProcessor();

struct Process {
  pid_t pid;
  std::string name;
};
std::vector<Process> Descendants(pid_t of);

}  // namespace sluicebench
