// What descriptors are that another service had before, by the kernel's word.
//
// Service, at its start. They may be of anything: nothing here asks the filesystem of a file, which may never answer.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "os/fd.h"

namespace sluice::os {

// A SOCK_SEQPACKET socket that is connected to somebody: made, or connected to it, by a process of this uid.
bool is_channel(int fd, uid_t made_by);
// How many bytes wait in a channel, in all messages; 0 where it is none.
size_t bytes_waiting(int channel);
// A file in memory of at least one byte and at most `most`, whose size nobody can change; fixed: nor its content.
bool is_memory(int fd, size_t least, size_t most, bool fixed);
// A directory, open as O_PATH.
bool is_tree(int fd);
// The writing end of a pipe, or /dev/null.
bool is_pipe_or_null(int fd);

// The process of a pidfd. EINVAL: it is none, or of a process in other namespaces.
struct HeldProcess {
  bool ended;         // then nothing else is known
  pid_t pid;
  uint32_t real_uid;
  uint32_t effective_uid;
  uint32_t most_files;  // its RLIMIT_NOFILE, which it cannot raise
};
core::Result<HeldProcess> look_at_process(int pidfd);

// Whether `held` is what now lies, or lay before it was replaced, where the program `own` lies, in the same mount, and is
// no less its owner's own.
bool is_program(int own, int held);
// Whether it is that one, and not only in its place.
bool is_same_file(int one, int other);

}  // namespace sluice::os
