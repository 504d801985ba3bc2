// Tells the kernel to forget a name: that it looks it up again when it is used next. On a thread of
// its own, since the kernel waits for the directory's lock, which somebody may hold who waits for
// an answer of the main thread's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "worker/thread.h"

namespace sluice::worker {

class Forgetter {
 public:
  // device: borrowed.
  explicit Forgetter(int device) : device_(device) {}

  // Before the seccomp filter is on. Of the process's descriptors the thread keeps the device, and those below it. False: it
  // could not part with the others.
  bool start();

  // False: it has as much to do as it may remember. Then all names have to be forgotten at once.
  bool forget(uint64_t directory, std::string_view name);
  // The listings of these directories: for each the kernel waits for who is copying names out of it.
  void forget_listings(std::vector<uint64_t> directories);

 private:
  struct Name {
    uint64_t directory;
    std::string name;
  };
  void run();
  void carry_out(const Name& name) const;
  void carry_out(uint64_t directory) const;

  const int device_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Name> names_;
  std::vector<uint64_t> listings_;
  Thread thread_;
};

}  // namespace sluice::worker
