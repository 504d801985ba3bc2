#include "service/activation.h"

#include <absl/strings/numbers.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "os/listener.h"

namespace sluice::service {
namespace {

bool says(const char* text, int wanted) {
  int number = -1;
  return text != nullptr && absl::SimpleAtoi(text, &number) && number == wanted;
}

}  // namespace

Given given_listener() {
  if (std::getenv("LISTEN_FDS") == nullptr) return {{}, "LISTEN_FDS is not set"};
  if (!says(std::getenv("LISTEN_PID"), ::getpid())) return {{}, "LISTEN_PID is not this process"};
  if (!says(std::getenv("LISTEN_FDS"), 1)) return {{}, "LISTEN_FDS is not 1"};
  const char* names = std::getenv("LISTEN_FDNAMES");
  if (names != nullptr && std::strchr(names, ':') != nullptr) {
    return {{}, "LISTEN_FDNAMES has more than one name"};
  }
  if (!os::adopt_listener(kFirstGivenFd).ok()) {
    return {{}, "descriptor 3 is not a SOCK_SEQPACKET unix socket that listens"};
  }
  return {os::Fd(kFirstGivenFd), {}};
}

}  // namespace sluice::service
