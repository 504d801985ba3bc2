// A view that the benchmark started: `sluice mount`, from its start to its end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ground.h"
#include "process.h"

namespace sluicebench {

using Counts = std::map<std::string, uint64_t>;  // requests by their name

// Where sluice and the programs that it starts are: SLUICE_BIN, or this program's own directory.
std::string BinDirectory();
// Of the checkout that the programs were built in, if it is one.
std::string Commit(const Deadline& deadline);

class View {
 public:
  // Returns when its user sees a file through it. socket: of a service that runs; else the command
  // starts a service of its own. programs: the directory of the command and what it starts.
  View(const Ground& ground, const Deadline& deadline, const std::string& socket = {},
       const std::string& programs = BinDirectory(), uid_t user = kIdentity);
  ~View();
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  // From before the fork of the command to the stat that found the file.
  double seconds_to_serve() const { return seconds_; }
  pid_t command_pid() const { return command_->pid(); }
  // What the kernel has asked the worker so far.
  Counts Requests(const Deadline& deadline) const;

 private:
  std::string name_;
  std::string socket_;
  std::string programs_;
  Fd log_;  // what the command and its service say
  std::unique_ptr<Child> command_;
  double seconds_ = 0;
};

// `sluiced --listen` of the benchmark's own, for views that need not start a service.
class Listener {
 public:
  // options: of the service, besides.
  Listener(const std::string& socket, const Deadline& deadline, const std::vector<std::string>& options = {});
  pid_t pid() const { return service_->pid(); }

 private:
  std::unique_ptr<Child> service_;
};

}  // namespace sluicebench
