#include "proxy/supervisor.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "os/kernel_abi.h"
#include "os/other_process.h"
#include "proxy/offer.h"

namespace sluice::proxy {
namespace {

template <typename T>
std::span<uint8_t> bytes_of(T& value) {
  return {reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

// The id of the server's file, by what proxy/offer.h says to hand over.
int id_of(sluice_session* session, const os::Fd& file) {
  const auto held = os::look_at(file.get());
  if (!held.ok()) return -held.failure().error;
  const Offer offer = offer_for(held->flags, held->regular, held->executable);
  if (offer == Offer::kReadWrite) {
    if (const auto both = os::open_anew(file.get(), true); both.ok()) {
      const int id = sluice_backing_open(session, both->get());
      // What may be opened for writing, and is not granted for that, may be for reading.
      if (id != -EPERM && id != -EACCES) return id;
    }
  }
  if (offer != Offer::kAsIs && (held->flags & O_PATH) != 0) {
    if (const auto reads = os::open_anew(file.get(), false); reads.ok()) return sluice_backing_open(session, reads->get());
  }
  return sluice_backing_open(session, file.get());
}

}  // namespace

core::Outcome Supervisor::run() {
  for (;;) {
    const auto woken = os::wait_for_server(listener_.get(), connections_.processes());
    if (!woken.ok()) return woken.failure();
    connections_.end(woken->ended);
    if (woken->asked) {
      const auto call = os::next_notification(listener_.get());
      if (call.ok()) serve(*call);
    } else if (woken->deserted) {
      return core::Done{};
    }
  }
}

void Supervisor::serve(const os::Notification& call) {
  // The thread's number may be another's since it called, and what is held of it be of another program, which one of its
  // process executed. While it waits, neither is so: what was looked up before still_waits() said so is the caller's.
  // What cannot be looked at is not acted on: it goes on, and the kernel decides by the server's own permissions.
  const auto thread = os::hold_thread(call.thread);
  if (!thread.ok()) return go_on(call);
  const auto device = os::fetch_descriptor(thread->get(), call.device);
  if (!device.ok()) return go_on(call);
  const auto session = connections_.of(device->get(), [&]() -> core::Result<os::Fd> {
    auto process = os::hold_process_of(call.thread);
    if (!os::still_waits(listener_.get(), call.id)) return core::Failure{ESRCH, core::Reason::kSystem};
    return process;
  });
  if (!session.ok()) return go_on(call);
  return call.opens ? open(call, *session, thread->get()) : close(call, *session);
}

void Supervisor::open(const os::Notification& call, sluice_session* session, int thread) {
  os::abi::FuseBackingMap map;
  if (!os::read_memory(call.thread, call.address, bytes_of(map)).ok()) return go_on(call);
  if (map.flags != 0 || map.padding != 0) return go_on(call);  // the kernel's to refuse
  const auto file = os::fetch_descriptor(thread, map.fd);
  if (!file.ok()) return go_on(call);
  if (!os::still_waits(listener_.get(), call.id)) return;
  const int id = id_of(session, *file);
  if (id < 0) {
    complain(sluice_last_reason(), -id);
    (void)os::answer_call(listener_.get(), call.id, 0, -id);
    return;
  }
  // The caller was killed meanwhile: nobody knows of the id.
  if (const auto told = os::answer_call(listener_.get(), call.id, id, 0); !told.ok()) {
    (void)sluice_backing_close(session, id);
  }
}

void Supervisor::close(const os::Notification& call, sluice_session* session) {
  uint32_t id = 0;
  if (!os::read_memory(call.thread, call.address, bytes_of(id)).ok()) return go_on(call);
  if (!os::still_waits(listener_.get(), call.id)) return;
  // One that has ended with a service that was restarted is as closed as the server wants it.
  const bool ended = static_cast<int>(id) > 0 && sluice_backing_valid(session, static_cast<int>(id)) == 0;
  const int result = ended ? 0 : sluice_backing_close(session, static_cast<int>(id));
  (void)os::answer_call(listener_.get(), call.id, 0, -result);
}

// Once for each reason: a server may ask at each open.
void Supervisor::complain(unsigned reason, int error) {
  const uint64_t bit = uint64_t{1} << (reason < 63 ? reason : 63);
  if ((complained_ & bit) != 0) return;
  complained_ |= bit;
  const char* remedy = sluice_reason_remedy(reason);
  if (reason <= static_cast<unsigned>(core::Reason::kSystem)) {
    std::fprintf(stderr, "sluice: no passthrough: %s\n",
                 error == EAGAIN ? "no service answers" : std::strerror(error));
  } else {
    std::fprintf(stderr, "sluice: no passthrough: %s (%s)\n", sluice_reason_text(reason), sluice_reason_name(reason));
  }
  if (*remedy != '\0') std::fprintf(stderr, "        try: %s\n", remedy);
}

}  // namespace sluice::proxy
