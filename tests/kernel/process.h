// Other processes for a test: an unprivileged user, a process with exactly these capabilities, one
// in a user namespace of its own, one that is expected to hang. All are forked, in the process
// group of the test, and hand back one number.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "sys.h"

namespace kerneltest {

inline constexpr uid_t kAlice = 20001;  // two ids that no process of the machine is likely to have
inline constexpr uid_t kBob = 20002;

// What has not ended after the one is taken to block; what ends has the other to do so.
inline constexpr int kBlockedMs = 150;
inline constexpr int kSoonMs = 4000;

// Whom a process runs as; the group is the one of the same number, without further groups.
struct Who {
  uid_t uid = 0;
  std::vector<int> caps = {};   // the whole of the permitted and effective capabilities
  bool user_namespace = false;  // afterwards in a user and mount namespace of its own, as its root
};

// Turns the calling process into this one; throws.
void Become(const Who& who);

// In every forked process: it dies with the one that forked it, should that be killed.
void DieWithParent();

// A forked process that runs `body` and hands back its result; killed and reaped with the object.
class Child {
 public:
  explicit Child(const std::function<long()>& body);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  bool Ended(int milliseconds = 0) const;        // whether it ended within this time
  bool Ready(int milliseconds = kSoonMs) const;  // whether it said so, within this time
  void Kill() const;                             // SIGKILL, does not wait
  long Result();                                 // waits; -ECHILD when it died without a result

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
  Fd result_;
};

// In a child: says that it is ready and sleeps until it is killed.
long SayReadyAndSleep();

// Runs `body` in a child to its end.
long InChild(const std::function<long()>& body);
long As(const Who& who, const std::function<long()>& body);

}  // namespace kerneltest
