// The service's second process, which forks a set-up process per peer.
//
// It has the privilege that making a view takes, and hears of nobody but the main process. The main
// process, which lives as long as the views do, has given that privilege up. No Landlock here: brokers
// and workers would inherit the layer, and each layer forbids to rename between directories unless
// it allows it beneath a root that it knows.
#pragma once

#include <span>

#include "os/process.h"
#include "service/processes.h"
#include "service/replacement.h"

namespace sluice::service {

struct MakerOptions {
  bool may_preserve = false;  // started with --preserve
  bool may_make_devices = false;  // started with --device-nodes
  bool audit = false;         // started with --audit
  uint32_t missing = 0;       // protections that the administrator allowed to be missing
};

class Maker {
 public:
  // Forks it; the caller's descriptors other than 0 to 2 and executables are closed in it.
  static core::Result<Maker> start(const Executables& executables, MakerOptions options);

  // Readable: a process has started, or the maker has ended.
  int channel() const { return channel_.get(); }
  pid_t pid() const { return pid_; }
  // Asks for a process that serves one hello. busy: with others. peer, report: borrowed; they go along.
  core::Outcome ask(uint64_t id, bool log_refusal, bool busy, int peer, int report) const;
  // Asks for one that starts another worker (service/replacement.h). All borrowed. EAGAIN: the maker is busy.
  core::Outcome ask_for_worker(uint64_t id, const Replacement& replacement) const;
  // Asks for one that ends at once, and takes these along: of what it takes the kernel long to be done with, its end is the last.
  static constexpr size_t kMostToClose = 4;
  core::Outcome ask_to_close(uint64_t id, std::span<const int> fds) const;
  struct Started {
    uint64_t id;
    os::Fd process;  // pidfd; the maker's child, reaped by nobody here
  };
  core::Result<Started> started() const;

 private:
  Maker(os::Fd channel, pid_t pid) : channel_(std::move(channel)), pid_(pid) {}
  os::Fd channel_;
  pid_t pid_;
};

}  // namespace sluice::service
