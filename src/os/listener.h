// Where peers connect: a socket that the service made, or one that it was started with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "os/fd.h"

namespace sluice::os {

// Service. A socket with a name, which goes with remove().
struct Listener {
  Fd socket;
  Fd directory;      // O_PATH
  std::string name;  // in there
  void remove() const;
};
// Listens at path. An old socket there is replaced, unless somebody listens at it (kSocketTaken, as
// for anything there that is no socket). Only where nobody but root and this user could put another
// in its place: kSocketDirectory otherwise.
core::Result<Listener> listen_at(std::string_view path, uint32_t mode);

// Whether fd is, by the kernel's word, a SOCK_SEQPACKET socket of the local domain that listens.
// From now on it closes on exec, and never keeps who accepts waiting.
core::Outcome adopt_listener(int fd);

core::Result<Fd> accept_from(int listener);

}  // namespace sluice::os
