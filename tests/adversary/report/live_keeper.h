// A keeper as a service starts it, with nothing to keep, for as long as this lives.
#pragma once

#include <sys/types.h>

#include <string>

namespace sluice::adversary {

class LiveKeeper {
 public:
  explicit LiveKeeper(const std::string& programs);
  ~LiveKeeper();
  LiveKeeper(const LiveKeeper&) = delete;
  LiveKeeper& operator=(const LiveKeeper&) = delete;

  pid_t pid() const { return pid_; }  // < 0: it did not come up

 private:
  std::string place_;
  pid_t service_ = -1, pid_ = -1;
};

}  // namespace sluice::adversary
