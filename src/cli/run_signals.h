// Signals, the terminal and the end of a command: as if it had been started without us.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "os/fd.h"

namespace sluice::cli {

// What is passed on, blocked, and something to read. The command gets back what there was before.
class Signals {
 public:
  Signals();
  int fd() const { return fd_.get(); }
  void give_back() const;  // in the command, before exec

 private:
  os::Fd fd_;
  sigset_t before_;
  bool children_ignored_;
};

// The terminal whose foreground this is, if it is one's.
class OwnTerminal {
 public:
  OwnTerminal();
  // Whoever had it last has ended without giving it back: then we are its foreground again.
  void take_back() const;

 private:
  int fd_ = -1;
};

// Passes signals on to the command, stops with it and waits for it: its exit status, or 128 + the
// signal that ended it. stops: where the first process of a process namespace tells that the command,
// its child, has stopped (< 0: the command is our own child).
int follow(pid_t pid, const Signals& signals, int stops);

// Becomes the first process of a process namespace, in which everything ends with command, its child.
[[noreturn]] void be_init(pid_t command, const Signals& signals, int stops);

}  // namespace sluice::cli
