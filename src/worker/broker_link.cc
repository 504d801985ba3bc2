#include "worker/broker_link.h"

#include <cerrno>
#include <chrono>
#include <iterator>

#include "core/limits.h"
#include "os/channel.h"
#include "os/either_way.h"
#include "wire/broker_request_writer.h"
#include "worker/step.h"

namespace sluice::worker {
namespace {

constexpr core::Failure kGone{EIO, core::Reason::kChildFailed};
constexpr size_t kMostHeldBack = 32;
// A channel holds so many questions, or answers, and neither side waits for the other to read: 10 by net.unix.max_dgram_qlen (unix(7)),
// which nobody sets in the network namespace that channels are made in.
constexpr uint32_t kListedAtOnce = 8;
// What an answer to kOpen has as its value, by which a worker after this one tells it from that to what is written down as asked
// (catch_up). Even, where the nonces are odd.
constexpr int64_t kUnnoted = 2;

}  // namespace

core::Outcome BrokerLink::send(const wire::BrokerRequest& request, std::string_view path, std::string_view second) {
  flush();
  uint8_t message[wire::kBrokerRequestMost];
  const size_t length = wire::encode_request(request, path, second, message);
  if (length == 0) return core::Failure{ENAMETOOLONG, core::Reason::kPathMalformed};
  if (!os::write_message(channel_, {message, length}).ok()) return kGone;
  return core::Done{};
}

// The answer comes after some microseconds where the broker has a core to itself: about as long as it takes to fall asleep and to be
// woken. Meanwhile who asked for the file waits, so that there is one.
void BrokerLink::look_for_answer() {
  const int64_t most = patience_.nanoseconds();
  if (most == 0) return;
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::nanoseconds(most);
  bool found = false;
  do {
    const auto readable = os::wait_readable_while(channel_, -1, 0);
    found = !readable.ok() || readable->fd;
  } while (!found && Clock::now() < until);
  patience_.looked(found);
}

core::Result<wire::BrokerReply> BrokerLink::receive() {
  look_for_answer();
  wire::BrokerReply reply;
  auto got = os::read_message(channel_, {reinterpret_cast<uint8_t*>(&reply), sizeof(reply)});
  if (!got.ok() || *got != sizeof(reply)) return kGone;
  return reply;
}

core::Result<wire::BrokerReply> BrokerLink::ask(const wire::BrokerRequest& request,
                                                std::string_view path, std::string_view second) {
  if (intent_ != nullptr) intent_->asks(request.op);
  const auto reply = ask_now(request, path, second);
  if (reply.ok() && intent_ != nullptr) intent_->answered(request.op);
  return reply;
}

core::Result<wire::BrokerReply> BrokerLink::open_unnoted(wire::BrokerRequest request, std::string_view path) {
  request.length = kUnnoted;
  return ask_now(request, path, {});
}

core::Result<wire::BrokerReply> BrokerLink::ask_now(const wire::BrokerRequest& request, std::string_view path,
                                                    std::string_view second) {
  const auto sent = send(request, path, second);
  if (!sent.ok() && sent.failure().reason != kGone.reason) return sent.failure();
  step();
  if (!sent.ok()) without_broker();
  while (!ahead_.empty()) arrived_.push_back(receive_ahead());
  return receive_verdict();
}

core::Result<wire::BrokerReply> BrokerLink::receive_verdict() {
  const auto reply = receive();
  // The broker has ended, and may have done it before. Who comes after this worker finds out, with another broker: an
  // answer now could be a false one.
  if (!reply.ok()) without_broker();
  if (!reply.ok()) return reply;
  if (reply->error != 0) return core::Failure{reply->error, static_cast<core::Reason>(reply->reason)};
  return reply;
}

bool BrokerLink::ask_ahead(wire::BrokerRequest request, std::string_view path, uint64_t nodeid) {
  request.length = kUnnoted;
  if (!send(request, path, {}).ok()) return false;
  ahead_.push_back(nodeid);
  step();
  return true;
}

BrokerLink::Ahead BrokerLink::receive_ahead() {
  const uint64_t nodeid = ahead_.front();
  ahead_.pop_front();
  return {nodeid, receive_verdict()};
}

std::optional<BrokerLink::Ahead> BrokerLink::take_ahead(bool waits) {
  if (!arrived_.empty()) {
    Ahead first = std::move(arrived_.front());
    arrived_.pop_front();
    return first;
  }
  if (ahead_.empty()) return std::nullopt;
  if (!waits) {
    const auto readable = os::wait_readable_while(channel_, -1, 0);
    if (readable.ok() && !readable->fd) return std::nullopt;
  }
  return receive_ahead();
}

core::Outcome BrokerLink::catch_up(int64_t nonce, int lifeline, int most_milliseconds) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::milliseconds(most_milliseconds);
  wire::BrokerRequest request{};
  request.op = wire::BrokerOp::kNextGrants;
  request.length = nonce;
  bool sent = false;
  bool noted = false;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (most_milliseconds >= 0 && left < 0) return core::Failure{ETIMEDOUT, core::Reason::kTimeout};
    const auto can = os::wait_either_way(channel_, !sent, lifeline, most_milliseconds < 0 ? -1 : static_cast<int>(left));
    if (!can.ok()) return can.failure();
    if (can->read) {
      const auto reply = receive();
      if (!reply.ok()) return reply.failure();
      if (reply->error == 0 && reply->value == nonce) return core::Done{};
      // At once: this worker may be killed as well before it reads the next. What has a value answers another one that caught up.
      // Nor is "by the other channel" an answer to what is noted: nothing was done.
      if (intent_ != nullptr && !noted && reply->error == 0 && reply->value == 0 && reply->use_read_only == 0) {
        intent_->answer_left();
        noted = true;
      }
    } else if (can->write) {
      if (auto done = send(request, {}, {}); !done.ok()) return done;
      sent = true;
    }
  }
}

core::Result<std::vector<wire::GrantedFile>> BrokerLink::list_grants() {
  std::vector<wire::GrantedFile> grants;
  wire::BrokerRequest request{};
  request.op = wire::BrokerOp::kNextGrants;
  request.length = kUnnoted;
  uint32_t next = 0;  // nothing is listed of the slots from here on
  for (bool more = true; more && grants.size() < core::Limits::kGrantsPerView;) {
    // Each answer is of the first slots that are used from there on: most are in a row.
    for (uint32_t i = 0; i < kListedAtOnce; ++i) {
      request.grant = next + i * std::size(wire::BrokerReply{}.listed);
      if (auto sent = send(request, {}, {}); !sent.ok()) return sent.failure();
    }
    const uint32_t first = next;
    for (uint32_t i = 0; i < kListedAtOnce; ++i) {
      const auto reply = receive();
      if (!reply.ok()) return reply.failure();
      for (const wire::GrantedFile& each : reply->listed) {
        more = each.grant != 0;
        const auto slot = static_cast<uint32_t>(each.grant);
        if (!more || slot < next) continue;
        grants.push_back(each);
        next = slot + 1;
      }
    }
    more = more && next > first;
  }
  return grants;
}

void BrokerLink::tell_soon(const wire::BrokerRequest& request) {
  held_back_.push_back(request);
  if (held_back_.size() >= kMostHeldBack) flush();
}

void BrokerLink::flush() {
  for (const wire::BrokerRequest& request : held_back_) tell(request);
  held_back_.clear();
}

void BrokerLink::tell(const wire::BrokerRequest& request) {
  uint8_t message[sizeof(wire::BrokerRequest)];
  const size_t length = wire::encode_request(request, {}, {}, message);
  // A broker that is gone has nothing to be told.
  (void)os::write_message(channel_, {message, length});
}

}  // namespace sluice::worker
