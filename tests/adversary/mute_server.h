// A FUSE filesystem of a directory with one file, `file`, whose server can fall silent: it goes on
// reading requests, and answers none. Whoever waits for one then waits past SIGKILL, until the server
// ends (fact 23).
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "arena.h"

namespace sluice::adversary {

class MuteServer {
 public:
  // At path, which is made; for everybody.
  explicit MuteServer(const std::string& path);
  ~MuteServer();
  void fall_silent() { *silent_ = true; }
  const std::string& path() const { return path_; }
  std::string file() const { return path_ + "/file"; }

 private:
  std::string path_;
  std::atomic<bool>* silent_;  // shared with the server
  std::atomic<bool>* ready_;
  std::unique_ptr<Program> server_;
};

}  // namespace sluice::adversary
