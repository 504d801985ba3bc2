// Starting a process with exactly what it is meant to have.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "os/fd.h"

namespace sluice::os {

struct ChildSpec {
  int executable;                           // borrowed
  const char* name;                         // argv[0]; the only argument
  std::vector<std::pair<int, int>> fds;     // {borrowed fd, its number in the child}; others close
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;
  std::vector<int> capabilities;            // permitted, effective and ambient at its start; no other
  uint64_t namespaces;                      // CLONE_NEW*
  bool map_all_ids;                         // with CLONE_NEWUSER: every id as it is
  uint32_t most_files;                      // RLIMIT_NOFILE
};

struct Child {
  pid_t pid;
  Fd pidfd;
};

// Service. no_new_privs, no core dumps, an empty environment, a session of its own. Needs SETUID,
// SETGID and SETPCAP; SYS_ADMIN for namespaces.
core::Result<Child> spawn(const ChildSpec& spec);

bool kill_process(int pidfd);  // false: it has ended and was reaped
// Ends and reaps a child of this process; waits until it is gone.
void end_child(const Child& child);

// Service: orphans of its helpers become its own children, so that it can wait for them.
core::Outcome become_reaper();
// How a child ended; reaps it. EAGAIN: it still runs. ECHILD: it is not a child of this process (yet), and whose it is has
// not reaped it, or the kernel does not tell how it ended (before Linux 6.15).
struct Ending {
  bool exited;   // by itself
  int code;      // exit status, or the signal
  bool by_policy() const { return !exited && code == SIGSYS; }  // by its seccomp policy
};
core::Result<Ending> reap(int pidfd);

// Service. A child that has ended, and is not reaped by this; 0: none.
pid_t ended_child();
void reap_child(pid_t pid);

// Service. A copy of this process that runs body and exits; descriptors other than 0 to 2 and `keep`
// (< 0: none) are closed in it, so that it pins no other view. It is killed when its time is over.
core::Result<Child> fork_helper(std::span<const int> keep, void (*body)(void*), void* argument);
// Service. What `make` makes in such a copy, which is then ended: for what a process can make only by giving up, or going
// away from, what this one still needs.
core::Result<Fd> made_by_helper(std::span<const int> keep, core::Result<Fd> (*make)(void*), void* argument);

}  // namespace sluice::os
