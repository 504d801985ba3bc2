#include "broker/server.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

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
  static_assert(sizeof(reply.attributes) >= sizeof(*stat));
  std::memcpy(reply.attributes, &*stat, sizeof(*stat));
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
    if (!os::write_message(channel_, {reinterpret_cast<const uint8_t*>(&reply), sizeof(reply)}).ok()) return;
  }
}

// From the service, which has checked them; what cannot be right ends the view all the same.
Outcome Server::take_rules(int service) {
  std::vector<uint8_t> bytes(core::kMaxRulesBytes + 1);
  auto length = os::read_message(service, bytes);
  if (!length.ok()) return length.failure();
  auto rules = core::Rules::decode(std::span(bytes).first(*length));
  if (!rules.ok()) return rules.failure();
  book_.replace(*std::move(rules));
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
                 request.paths(), request.path.size());
  }
  return reply;
}

Outcome Server::carry_out(const wire::DecodedRequest& request, wire::BrokerReply& reply) {
  const wire::BrokerRequest& header = request.header;
  const GrantId id = GrantId::unpack(header.grant);
  const core::FileId file{header.dev, header.ino}, file2{header.dev2, header.ino2};
  if (wire::changes_tree(header.op) && domain_ == Domain::kReadOnly) return Failure{EROFS, Reason::kReadOnlyView};
  switch (header.op) {
    case BrokerOp::kOpen: return open(request, reply);
    case BrokerOp::kOpenTemp: return open_temp(request, reply);
    case BrokerOp::kDropWrite: return grants_.drop_write(id);
    case BrokerOp::kClose: return grants_.close(id);
    case BrokerOp::kTruncatePath: return grants_.truncate_path(request.path, file, header.length);
    case BrokerOp::kRemove:
      return names_.remove({request.path, file}, (header.flags & wire::kRemoveDirectory) != 0);
    case BrokerOp::kRename: return names_.rename({request.path, file}, {request.second, file2}, header.flags);
    case BrokerOp::kLink: return names_.link(request.path, file, {request.second, file2});
    case BrokerOp::kSymlink: return names_.symlink(request.second, {request.path, file});
    case BrokerOp::kMakeDevice: return names_.make_device({request.path, file}, header.mode, header.device);
    case BrokerOp::kReadWindow: return read_window(header);
    case BrokerOp::kNextGrants:
      grants_.next(id.slot, reply);
      reply.value = header.length;
      return core::Done{};
    default: break;
  }
  const bool write = header.op == BrokerOp::kTruncate || header.op == BrokerOp::kAllocate ||
                     wire::changes_tree(header.op);
  auto held = grants_.borrow(id, write);
  if (!held.ok()) return held.failure();
  switch (header.op) {
    case BrokerOp::kSync: return os::sync_file(held->get(), (header.flags & wire::kSyncDataOnly) != 0);
    case BrokerOp::kTruncate: return os::truncate_file(held->get(), header.length);
    case BrokerOp::kAllocate:
      return os::allocate(held->get(), static_cast<int>(header.mode), header.offset, header.length);
    case BrokerOp::kLinkNameless: return names_.link(*held, {request.path, file});
    case BrokerOp::kChange: return change({held->get(), {}}, header);
    case BrokerOp::kStat: return describe(held->get(), reply);
    case BrokerOp::kSeek: {
      if (header.mode != SEEK_DATA && header.mode != SEEK_HOLE) break;
      auto offset = os::seek(held->get(), header.offset, static_cast<int>(header.mode));
      if (!offset.ok()) return offset.failure();
      reply.value = *offset;
      return core::Done{};
    }
    case BrokerOp::kCopy: {
      auto to = grants_.borrow(GrantId::unpack(header.grant2), true);
      if (!to.ok()) return to.failure();
      auto copied = os::copy_range(held->get(), header.offset, to->get(), header.offset2, header.length);
      if (!copied.ok()) return copied.failure();
      reply.value = *copied;
      return core::Done{};
    }
    default: break;
  }
  return Failure{EINVAL, Reason::kProtocol};
}

Outcome Server::open(const wire::DecodedRequest& request, wire::BrokerReply& reply) {
  auto granted = grants_.open(domain_, request);
  if (!granted.ok()) return granted.failure();
  const bool write = (request.header.flags & wire::kOpenWrite) != 0;
  tell(*granted, write ? BrokerOp::kOpenTemp : BrokerOp::kOpen, request.path, reply);
  reply.value = request.header.length;
  return core::Done{};
}

void Server::tell(const Granted& granted, BrokerOp op, std::string_view path, wire::BrokerReply& reply) {
  reply.grant = granted.grant.packed();
  reply.backing_id = granted.backing_id;
  if (!granted.is_new) return;
  events_.send(wire::EventKind::kGranted, {0, Reason::kNone}, static_cast<uint32_t>(op), path, reply.grant);
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
  auto granted = grants_.open_temp(request.path, request.header.mode, (request.header.flags & wire::kTempExclusive) != 0);
  if (!granted.ok()) return granted.failure();
  tell(*granted, BrokerOp::kOpenTemp, request.path, reply);
  auto file = grants_.borrow(granted->grant, true);
  if (!file.ok()) return file.failure();
  return describe(file->get(), reply);
}

Outcome Server::change(os::Target target, const wire::BrokerRequest& request) {
  if ((request.flags & wire::kChangeMode) != 0) {
    if (auto done = os::change_mode(target, request.mode & 07777); !done.ok()) return done;
  }
  if ((request.flags & wire::kChangeOwner) != 0) {
    if (auto done = os::change_owner(target, request.uid, request.gid); !done.ok()) return done;
  }
  if ((request.flags & wire::kChangeTimes) != 0) {
    const struct timespec times[2] = {{request.times[0], request.times[1]}, {request.times[2], request.times[3]}};
    return os::change_times(target, times);
  }
  return core::Done{};
}

}  // namespace sluice::broker
