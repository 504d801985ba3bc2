// A process that is killed at one of its steps: at the beginning or the end of one of its system calls, which it is stopped at by
// ptrace(2). So nothing of it is built otherwise, and it does not know.
#pragma once

#include <sys/types.h>

namespace sluice::model {

class Tracer {
 public:
  // Seizes all its threads. Root, with one thread; the calling process must not wait for other children meanwhile but by run().
  explicit Tracer(pid_t process);
  // Lets go of it, where it has not ended.
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Until that child has ended, which it waits for. Meanwhile it is killed at its step number kill_at; 0: at none.
  // Returns the child's wait status.
  int run(pid_t child, int kill_at);
  bool has_ended() const { return ended_; }

 private:
  pid_t process_;
  bool ended_ = false;
};

}  // namespace sluice::model
