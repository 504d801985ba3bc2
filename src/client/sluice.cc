// The C interface of libsluice: <sluice/sluice.h>.
#include <sluice/sluice.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "client/session.h"
#include "core/reason_text.h"

struct sluice_session : sluice::client::Session {
  using Session::Session;
};

namespace {

using sluice::core::Failure;
using sluice::core::Reason;

constexpr char kDefaultSocket[] = "/run/sluice/sluice.sock";

thread_local Reason last_reason = Reason::kNone;

int failed(const Failure& why) {
  last_reason = why.reason == Reason::kNone ? Reason::kSystem : why.reason;
  return -why.error;
}
int failed(int error) { return failed({error, Reason::kSystem}); }
int succeeded(int value = 0) {
  last_reason = Reason::kNone;
  return value;
}

bool known(unsigned reason) { return reason < static_cast<unsigned>(Reason::kCount); }

}  // namespace

int sluice_open(int connection_fd, const char* socket, sluice_session** session) {
  if (session == nullptr) return failed(EINVAL);
  *session = nullptr;
  if (socket == nullptr) socket = sluice::os::socket_in_environment();
  if (socket == nullptr) socket = kDefaultSocket;
  if (std::strlen(socket) >= sluice::client::kMostSocketBytes) return failed(ENAMETOOLONG);
  auto device = sluice::os::duplicate_privately(connection_fd);
  if (!device.ok()) return failed(device.failure());
  // Not by new, which is the language's own library.
  void* memory = std::malloc(sizeof(sluice_session));
  if (memory == nullptr) return failed(ENOMEM);
  auto* made = new (memory) sluice_session(*std::move(device), socket);
  if (!made->ok()) {
    sluice_close(made);
    return failed(ENOMEM);
  }
  *session = made;
  return succeeded();
}

int sluice_backing_open(sluice_session* session, int file_fd) {
  if (session == nullptr) return failed(EINVAL);
  const sluice::os::Uncancelled whole;
  const auto id = session->open(file_fd);
  return id.ok() ? succeeded(*id) : failed(id.failure());
}

int sluice_backing_close(sluice_session* session, int backing_id) {
  if (session == nullptr) return failed(EINVAL);
  const sluice::os::Uncancelled whole;
  const auto closed = session->close(backing_id);
  return closed.ok() ? succeeded() : failed(closed.failure());
}

void sluice_close(sluice_session* session) {
  if (session == nullptr) return;
  session->~sluice_session();
  std::free(session);
}

unsigned sluice_last_reason(void) { return static_cast<unsigned>(last_reason); }

const char* sluice_reason_name(unsigned reason) {
  return known(reason) ? sluice::core::reason_name(static_cast<Reason>(reason)).data() : "unknown";
}
const char* sluice_reason_text(unsigned reason) {
  return known(reason) ? sluice::core::reason_text(static_cast<Reason>(reason)).data()
                       : "a reason that this version of the library does not know";
}
const char* sluice_reason_remedy(unsigned reason) {
  return known(reason) ? sluice::core::reason_remedy(static_cast<Reason>(reason)).data() : "see the service's log";
}

const char* sluice_version(void) { return SLUICE_VERSION; }
