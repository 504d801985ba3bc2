#include "broker/server.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "os/channel.h"
#include "wire/fuse_reply.h"

namespace sluice::broker {
namespace {

using core::Failure;
using core::GrantId;
using core::Outcome;
using core::Reason;
using wire::BrokerOp;

Outcome describe(int fd, wire::BrokerReply& reply) {
  auto stat = os::stat_held(fd);
  if (!stat.ok()) return stat.failure();
  reply.dev = os::dev_of(*stat);
  reply.ino = stat->stx_ino;
  reply.size = stat->stx_size;
  reply.blocks = stat->stx_blocks;
  reply.mode = stat->stx_mode;
  reply.uid = stat->stx_uid;
  reply.gid = stat->stx_gid;
  reply.nlink = stat->stx_nlink;
  const auto times = {std::pair{reply.atime, &stat->stx_atime}, {reply.mtime, &stat->stx_mtime},
                      {reply.ctime, &stat->stx_ctime}, {reply.btime, &stat->stx_btime}};
  for (auto& [out, in] : times) {
    out[0] = in->tv_sec;
    out[1] = in->tv_nsec;
  }
  return core::Done{};
}

}  // namespace

void Server::run(int lifeline) {
  uint8_t buffer[wire::kBrokerRequestMost + 1];
  for (;;) {
    if (lifeline >= 0) {
      const auto readable = os::wait_readable_while(channel_, lifeline, -1);
      if (!readable.ok()) return;
      if (readable->lifeline && !take_rules(lifeline).ok()) return;
      if (!readable->fd) continue;
    }
    auto length = os::read_message(channel_, buffer);
    if (!length.ok() || *length == 0) return;
    auto request = wire::decode_request({buffer, *length});
    if (!request.ok()) {
      // An honest worker sends no such thing: what sent it is not served any longer.
      events_.send(wire::EventKind::kFailed, request.failure(), 0, "malformed request of the worker");
      return;
    }
    const wire::BrokerReply reply = answer(*request);
    if (wire::one_way(request->header.op)) continue;
    if (!os::write_message(channel_, {reinterpret_cast<const uint8_t*>(&reply), sizeof(reply)}).ok()) {
      return;
    }
  }
}

// From the service, which has checked them; what cannot be right ends the view all the same.
Outcome Server::take_rules(int service) {
  std::vector<uint8_t> bytes(core::kMaxRulesBytes + 1);
  auto length = os::read_message(service, bytes);
  if (!length.ok()) return length.failure();
  auto rules = core::Rules::decode(std::span(bytes).first(*length));
  if (!rules.ok()) return rules.failure();
  grants_.replace_rules(*std::move(rules));
  events_.send(wire::EventKind::kReloaded, {0, Reason::kNone}, 0, {});
  return core::Done{};
}

wire::BrokerReply Server::answer(const wire::DecodedRequest& request) {
  wire::BrokerReply reply{};
  const Outcome outcome = carry_out(request, reply);
  if (outcome.ok()) return reply;
  const Failure& why = outcome.failure();
  reply = wire::BrokerReply{};
  reply.error = why.error;
  reply.reason = static_cast<uint32_t>(why.reason);
  if (why.error == 0) {
    reply.use_read_only = 1;
  } else if (why.reason != Reason::kSystem) {
    events_.send(wire::EventKind::kRefused, why, static_cast<uint32_t>(request.header.op),
                 request.path);
  }
  return reply;
}

Outcome Server::carry_out(const wire::DecodedRequest& request, wire::BrokerReply& reply) {
  const wire::BrokerRequest& header = request.header;
  const GrantId id = GrantId::unpack(header.grant);
  switch (header.op) {
    case BrokerOp::kOpen:
      return open(request, reply);
    case BrokerOp::kOpenTemp:
      return open_temp(request, reply);
    case BrokerOp::kDropWrite:
      grants_.drop_write(id);
      return core::Done{};
    case BrokerOp::kClose:
      grants_.close(id);
      return core::Done{};
    case BrokerOp::kTruncatePath:
      return grants_.truncate_path(request.path, {header.dev, header.ino}, header.length);
    case BrokerOp::kLink:
      return grants_.link(id, request.path);
    case BrokerOp::kChange:
      return change(header);
    case BrokerOp::kReadWindow:
      return read_window(header);
    case BrokerOp::kSync:
    case BrokerOp::kTruncate:
    case BrokerOp::kAllocate:
    case BrokerOp::kCopy:
    case BrokerOp::kSeek:
    case BrokerOp::kStat:
      break;
  }
  const bool write = header.op == BrokerOp::kTruncate || header.op == BrokerOp::kAllocate;
  auto file = grants_.borrow(id, write);
  if (!file.ok()) return file.failure();
  switch (header.op) {
    case BrokerOp::kSync:
      return os::sync_file(file->get(), (header.flags & wire::kSyncDataOnly) != 0);
    case BrokerOp::kTruncate:
      return os::truncate_file(file->get(), header.length);
    case BrokerOp::kAllocate:
      return os::allocate(file->get(), static_cast<int>(header.mode), header.offset, header.length);
    case BrokerOp::kStat:
      return describe(file->get(), reply);
    case BrokerOp::kSeek: {
      if (header.mode != SEEK_DATA && header.mode != SEEK_HOLE) break;
      auto offset = os::seek(file->get(), header.offset, static_cast<int>(header.mode));
      if (!offset.ok()) return offset.failure();
      reply.value = *offset;
      return core::Done{};
    }
    case BrokerOp::kCopy: {
      auto to = grants_.borrow(GrantId::unpack(header.grant2), true);
      if (!to.ok()) return to.failure();
      auto copied =
          os::copy_range(file->get(), header.offset, to->get(), header.offset2, header.length);
      if (!copied.ok()) return copied.failure();
      reply.value = *copied;
      return core::Done{};
    }
    default:
      break;
  }
  return Failure{EINVAL, Reason::kProtocol};
}

Outcome Server::open(const wire::DecodedRequest& request, wire::BrokerReply& reply) {
  const wire::BrokerRequest& header = request.header;
  const OpenRequest wanted{request.path,
                           {header.dev, header.ino},
                           (header.flags & wire::kOpenRead) != 0,
                           (header.flags & wire::kOpenWrite) != 0,
                           (header.flags & wire::kOpenTruncate) != 0};
  if (!wanted.read && !wanted.write) return Failure{EINVAL, Reason::kProtocol};
  auto granted = grants_.open(domain_, wanted);
  if (!granted.ok()) return granted.failure();
  if (granted->is_new) {
    events_.send(wire::EventKind::kGranted, {0, Reason::kNone},
                 static_cast<uint32_t>(wanted.write ? BrokerOp::kOpenTemp : BrokerOp::kOpen),
                 request.path, granted->grant.packed());
  }
  reply.grant = granted->grant.packed();
  reply.backing_id = granted->backing_id;
  return core::Done{};
}

// The data goes to the kernel and not to the worker. What is written there is a reply, which names a
// request and no descriptor.
Outcome Server::read_window(const wire::BrokerRequest& request) {
  constexpr size_t kHeader = sizeof(wire::FuseOutHeader);
  window_.resize(kHeader + wire::kFuseMaxWrite);  // once
  const auto most = std::min<uint64_t>(static_cast<uint64_t>(request.length), wire::kFuseMaxWrite);
  auto length = grants_.read_window(GrantId::unpack(request.grant), request.offset,
                                    std::span(window_).subspan(kHeader, most));
  const size_t total = kHeader + (length.ok() ? *length : 0);
  const wire::FuseOutHeader header{static_cast<uint32_t>(total), length.ok() ? 0 : -length.failure().error,
                                   request.grant2};
  std::memcpy(window_.data(), &header, kHeader);
  return os::write_message(view_.device, std::span(window_).first(total));
}

Outcome Server::open_temp(const wire::DecodedRequest& request, wire::BrokerReply& reply) {
  if (domain_ == Domain::kReadOnly) return Failure{EROFS, Reason::kReadOnlyView};
  auto granted = grants_.open_temp(request.path, request.header.mode,
                                   (request.header.flags & wire::kTempExclusive) != 0);
  if (!granted.ok()) return granted.failure();
  events_.send(wire::EventKind::kGranted, {0, Reason::kNone}, static_cast<uint32_t>(BrokerOp::kOpenTemp),
               request.path, granted->grant.packed());
  reply.grant = granted->grant.packed();
  reply.backing_id = granted->backing_id;
  auto file = grants_.borrow(granted->grant, true);
  if (!file.ok()) return file.failure();
  return describe(file->get(), reply);
}

Outcome Server::change(const wire::BrokerRequest& request) {
  if (view_.read_only) return Failure{EROFS, Reason::kReadOnlyView};
  auto file = grants_.borrow(GrantId::unpack(request.grant), true);
  if (!file.ok()) return file.failure();
  const os::Target target{file->get(), {}};
  if ((request.flags & wire::kChangeMode) != 0) {
    if (auto done = os::change_mode(target, request.mode & 07777); !done.ok()) return done;
  }
  if ((request.flags & wire::kChangeOwner) != 0) {
    if (auto done = os::change_owner(target, request.uid, request.gid); !done.ok()) return done;
  }
  if ((request.flags & wire::kChangeTimes) != 0) {
    const struct timespec times[2] = {{request.times[0], request.times[1]},
                                      {request.times[2], request.times[3]}};
    return os::change_times(target, times);
  }
  return core::Done{};
}

}  // namespace sluice::broker
