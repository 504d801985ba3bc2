// A FUSE server of another user's that has got a broker for its connection, and asks no more of it than a grant:
// for a look at the broker.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "core/reason.h"
#include "os/fd.h"

namespace sluice::adversary {

class IdleServer {
 public:
  // A process of that user's, in that group besides, in a user and mount namespace of its own, mounted at a
  // directory, which it holds (O_PATH). file: what it asks to be granted, to read; "": nothing. As root.
  IdleServer(const std::string& socket, const std::string& directory, uint32_t uid, uint32_t group,
             const std::string& file = {});
  // Its broker ends with it.
  ~IdleServer();
  IdleServer(const IdleServer&) = delete;
  IdleServer& operator=(const IdleServer&) = delete;

  // What it got: kNone, or why not. kSystem too where it could not even ask.
  core::Reason reason() const { return reason_; }

 private:
  pid_t pid_;
  os::Fd stay_;  // it ends when this is closed
  core::Reason reason_ = core::Reason::kSystem;
};

}  // namespace sluice::adversary
