// Looking into a process of the same user that a supervisor serves (ptrace(2) says who may).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "os/fd.h"

namespace sluice::os {

// Supervisor. A thread by its number, which may be another's by now: seccomp tells (os/notify.h). Linux 6.9.
core::Result<Fd> hold_thread(pid_t thread);
// The process that the thread is of; its end can be waited for.
core::Result<Fd> hold_process_of(pid_t thread);
// A descriptor of the thread, which becomes this process's own.
core::Result<Fd> fetch_descriptor(int thread, int number);
core::Outcome read_memory(pid_t thread, uint64_t address, std::span<uint8_t> bytes);

// Whether two descriptors are of one open file.
bool same_open_file(int a, int b);

// The file that is held, opened anew: for reading and writing, or for reading. By its own user's permissions, its
// mount's and its leases', without waiting. Only of regular files, and of what its filesystem says without being
// asked.
struct HeldFile {
  int flags;        // as it is open (F_GETFL)
  bool regular;
  bool executable;  // by anybody
};
core::Result<HeldFile> look_at(int file);
core::Result<Fd> open_anew(int file, bool writes);

// Waits for the listener, or for the end of one of the processes (pidfds; < 0: of none). No more than kMostWatched.
inline constexpr size_t kMostWatched = 64;
struct Woken {
  bool asked;      // there is a notification
  bool deserted;   // nobody is left who could make one
  uint64_t ended;  // bit i: process i has
};
core::Result<Woken> wait_for_server(int listener, std::span<const int> processes);

}  // namespace sluice::os
