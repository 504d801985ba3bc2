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

// Null: it is too long.
const char* path_of_service(const char* socket) {
  if (socket == nullptr) socket = sluice::os::socket_in_environment();
  if (socket == nullptr) socket = kDefaultSocket;
  return std::strlen(socket) < sluice::client::kMostSocketBytes ? socket : nullptr;
}

int make_session(sluice::os::Fd device, const char* socket, sluice::client::Welcome welcome, sluice_session** session) {
  // Not by new, which is the language's own library.
  void* memory = std::malloc(sizeof(sluice_session));
  if (memory == nullptr) return failed(ENOMEM);
  auto* made = new (memory) sluice_session(std::move(device), socket, std::move(welcome));
  if (!made->ok()) {
    sluice_close(made);
    return failed(ENOMEM);
  }
  *session = made;
  return succeeded();
}

bool known(unsigned reason) { return reason < static_cast<unsigned>(Reason::kCount); }

}  // namespace

int sluice_open(int connection_fd, const char* socket, sluice_session** session) {
  if (session == nullptr) return failed(EINVAL);
  *session = nullptr;
  socket = path_of_service(socket);
  if (socket == nullptr) return failed(ENAMETOOLONG);
  auto device = sluice::os::duplicate_privately(connection_fd);
  if (!device.ok()) return failed(device.failure());
  return make_session(*std::move(device), socket, {}, session);
}

int sluice_connect(const char* socket, int* connection_fd, int* mount_fd, sluice_session** session) {
  if (connection_fd == nullptr || mount_fd == nullptr || session == nullptr) return failed(EINVAL);
  *session = nullptr;
  socket = path_of_service(socket);
  if (socket == nullptr) return failed(ENAMETOOLONG);
  const sluice::os::Uncancelled whole;
  auto welcome = sluice::client::have_connection_made(socket);
  if (!welcome.ok()) return failed(welcome.failure());
  auto device = sluice::os::duplicate_privately(welcome->device.get());
  if (!device.ok()) return failed(device.failure());
  sluice::os::Fd served = std::move(welcome->device), mount = std::move(welcome->mount);
  if (const int made = make_session(*std::move(device), socket, *std::move(welcome), session); made < 0) return made;
  *connection_fd = served.release();
  *mount_fd = mount.release();
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

int sluice_backing_valid(sluice_session* session, int backing_id) {
  if (session == nullptr) return failed(EINVAL);
  const sluice::os::Uncancelled whole;
  return succeeded(session->valid(backing_id) ? 1 : 0);
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
