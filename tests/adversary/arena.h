// Where an attack runs: process and mount namespaces of its own, a session of its own, a /run of its
// own, a directory of its own, and a deadline. What it starts ends with its first process, so that
// nothing outlives it, and "no process is left" can be said exactly: there are no others in its /proc.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "os/fd.h"

namespace sluice::adversary {

inline constexpr uint32_t kVictim = 61237;  // somebody else, who wants to be served meanwhile

// Ends the attack as skipped, loudly; with SLUICE_REQUIRE_ALL=1 as failed.
void need(bool met, const std::string& what);

// Everybody may search it. Removed at the end, with what is mounted there.
const std::string& work_dir();

// SLUICE_LONG=1: how many times longer the attacks with a clock go on; else 1.
int persistence();

using Body = std::function<void()>;
// What ATTACK wraps around its body.
void run_attack(void (*body)(), int seconds);

// Runs body in a process of its own, as this user, and fails here if it fails, dies, or takes longer.
// False then.
bool in_process(uint32_t uid, int seconds, const Body& body);

// A program with its output in a file; killed and reaped with the object.
class Program {
 public:
  // before: in the child, right before exec; may end it. argv[0] is a path.
  Program(std::vector<std::string> argv, std::string output, const Body& before = {});
  // A copy of this process.
  explicit Program(const Body& body);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  bool ended(int milliseconds);  // whether it ended within this time
  int status() const { return status_; }  // once ended: exit status, or 128 + signal
  void signal(int number) const;
  std::string output() const;

 private:
  pid_t pid_ = -1;
  int status_ = -1;
  std::string output_;
};
// To its end, or to the deadline, when it is killed and -1 comes back.
int run_program(const std::vector<std::string>& argv, std::string* output, int seconds,
                const Body& before = {});

bool eventually(int milliseconds, const std::function<bool()>& so);
std::string read_all(const std::string& path);  // empty where it cannot be read
void write_all(const std::string& path, const std::string& content, uint32_t owner, uint32_t mode = 0644);

// Every process of the namespace but the first: "NAME" or "NAME (zombie)".
struct Found {
  pid_t pid;
  pid_t parent;
  std::string name;
  char state;
};
std::vector<Found> processes();
std::vector<pid_t> named(const std::string& name);  // that have not ended
size_t descriptors_of(pid_t pid);
std::string field_of(pid_t pid, const std::string& field);  // of /proc/PID/status

}  // namespace sluice::adversary

#define ATTACK_WITHIN(suite, name, seconds)                                          \
  static void suite##_##name##_Body();                                               \
  TEST(suite, name) { sluice::adversary::run_attack(&suite##_##name##_Body, seconds); } \
  static void suite##_##name##_Body()
#define ATTACK(suite, name) ATTACK_WITHIN(suite, name, 20)
