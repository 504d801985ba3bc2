// A terminal that shows one screen after the other, until somebody has seen enough.
#pragma once

#include <termios.h>

#include <string>
#include <string_view>
#include <vector>

#include "os/fd.h"

namespace sluice::cli {

// From now on the terminal is this program's; with the object it is as it was, whatever ends it but
// SIGKILL. Needs standard input and output to be one.
class Terminal {
 public:
  static core::Result<Terminal> take();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  // Lines without escapes, cut where they are too long or too many.
  void show(const std::vector<std::string>& lines) const;
  // Waits; true: q or a signal to end came, or the terminal has gone.
  bool ended_within(int milliseconds) const;

 private:
  Terminal(os::Fd signals, const struct termios& before) : signals_(std::move(signals)), before_(before) {}
  os::Fd signals_;
  struct termios before_;
  bool ours_ = true;
};

}  // namespace sluice::cli
