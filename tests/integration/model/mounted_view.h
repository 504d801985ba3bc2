// A view, served by `sluice mount` in the foreground, for as long as the object lives.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sluice::model {

class MountedView {
 public:
  // Starts it and waits until it serves; nullptr, with the reason on standard error, if it does
  // not. arguments: the options of `sluice mount`.
  static std::unique_ptr<MountedView> start(const std::string& programs, const std::string& source,
                                            const std::string& target,
                                            std::vector<std::string> arguments);
  // Ends it, whatever state it is in.
  ~MountedView();

  // How many requests of a kind the worker has seen, by `sluice status`. -1: it does not say.
  int64_t requests(const std::string& opcode) const;
  // The worker's, likewise.
  pid_t worker() const;
  pid_t broker() const;
  // How many descriptors of files its broker holds, those of its log included; -1: it is not known.
  int files_of_broker() const;
  // How many grants it says that it has; -1: it does not say.
  int64_t grants() const { return requests("grants"); }
  // How many backing ids the kernel has of this connection. It has none of them any more: only for when it should have none. -1: it
  // cannot be asked.
  int take_ids() const;

  // Expects that no data went through the worker.
  void expect_passthrough() const;

 private:
  MountedView() = default;
  std::string status() const;
  pid_t pid_of(const char* process) const;
  int device_of_broker() const;  // a copy; -1: there is none

  std::string programs_;
  std::string target_;
  std::string name_;
  pid_t pid_ = -1;
  int log_ = -1;      // what it and the service say
  int failures_ = 0;  // of the test before it: the log is printed if there are more
};

}  // namespace sluice::model
