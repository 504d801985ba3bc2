#include "broker/foreign_server.h"

#include <cinttypes>
#include <cstdio>
#include <utility>

#include "os/channel.h"
#include "os/file.h"
#include "os/passed_file.h"

namespace sluice::broker {

using core::Reason;
using wire::BackingOp;
using wire::EventKind;

namespace {

// A file has no name here. Which it is, its filesystem and its number say.
void describe(const os::Stat& stat, char (&name)[64]) {
  std::snprintf(name, sizeof(name), "inode %" PRIu64 " of %u:%u", uint64_t{stat.stx_ino}, stat.stx_dev_major,
                stat.stx_dev_minor);
}

}  // namespace

void ForeignServer::run() {
  for (;;) {
    uint8_t buffer[sizeof(wire::BackingRequest) + 1];
    auto message = os::receive_passed(channel_, buffer);
    if (!message.ok() || message->length == 0) return;
    const auto request = wire::decode_backing_request({buffer, message->length}, message->fd ? 1 : 0);
    if (!request.ok()) {
      events_.send(EventKind::kFailed, request.failure(), 0, "malformed request of the server");
      return;
    }
    const wire::BackingReply reply = answer(*request, std::move(message->fd));
    if (!os::write_message(channel_, {reinterpret_cast<const uint8_t*>(&reply), sizeof(reply)}).ok()) return;
  }
}

wire::BackingReply ForeignServer::answer(const wire::BackingRequest& request, os::Fd file) {
  const auto refuse = [](const core::Failure& why) {
    return wire::BackingReply{why.error, static_cast<uint32_t>(why.reason), 0, 0};
  };
  if (request.op == BackingOp::kClose) {
    const auto closed = grants_.close(request.backing_id);
    return closed.ok() ? wire::BackingReply{0, 0, request.backing_id, 0} : refuse(closed.failure());
  }
  // Before it is granted: the server may close the id at any time after that.
  const auto stat = os::stat_held(file.get());
  if (!stat.ok()) return refuse(stat.failure());
  char name[64];
  describe(*stat, name);
  const auto id = grants_.open(domain_, std::move(file), *stat);
  const auto op = static_cast<uint32_t>(request.op);
  if (!id.ok()) {
    events_.send(EventKind::kRefused, id.failure(), op, name);
    return refuse(id.failure());
  }
  events_.send(EventKind::kGranted, {0, Reason::kNone}, op, name, static_cast<uint64_t>(*id));
  return {0, 0, *id, 0};
}

}  // namespace sluice::broker
