#include "server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "os/channel.h"
#include "os/metadata.h"
#include "sandbox/fds.h"
#include "wire/broker_request_writer.h"
#include "wire/worker_start.h"
#include "worker.h"

namespace sluice::adversary {
namespace {

using sandbox::kFdFuse;

// Source: Linux include/uapi/linux/fuse.h.
enum Opcode : uint32_t {
  kLookup = 1, kForget = 2, kGetattr = 3, kSetattr = 4, kReadlink = 5, kMkdir = 9, kUnlink = 10,
  kRmdir = 11, kRename = 12, kLink = 13, kOpen = 14, kRead = 15, kStatfs = 17, kRelease = 18,
  kFsync = 20, kSetxattr = 21, kGetxattr = 22, kListxattr = 23, kFlush = 25, kOpendir = 27,
  kReaddir = 28, kReleasedir = 29, kCreate = 35, kInterrupt = 36, kBatchForget = 42,
  kReaddirplus = 44, kRename2 = 45,
};
constexpr uint64_t kRoot = 1;

bool starts(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

}  // namespace

std::string_view Server::Request::name() const {
  // Some requests have numbers before the name, whose size the opcode tells.
  const size_t skip = header.opcode == kMkdir ? 8 : header.opcode == kCreate ? 16
                      : header.opcode == kLink ? 8 : 0;
  const auto* text = reinterpret_cast<const char*>(body.data()) + std::min(skip, body.size());
  return {text, ::strnlen(text, body.size() - std::min(skip, body.size()))};
}

long Server::reply(uint64_t unique, int32_t error, const void* data, size_t size) const {
  std::vector<uint8_t> message(sizeof(wire::FuseOutHeader) + size);
  const wire::FuseOutHeader header{static_cast<uint32_t>(message.size()), error, unique};
  std::memcpy(message.data(), &header, sizeof(header));
  if (size > 0) std::memcpy(message.data() + sizeof(header), data, size);
  const auto written = os::write_message(kFdFuse, message);
  return written.ok() ? 0 : -written.failure().error;
}

const std::string& Server::name_of(uint64_t node) const {
  static const std::string root = "dir";
  return node == kRoot || node - 2 >= names_.size() ? root : names_[node - 2];
}

wire::FuseAttr Server::attributes(uint64_t node, bool at_lookup) const {
  const std::string& name = name_of(node);
  wire::FuseAttr attr{};
  attr.ino = node;
  attr.nlink = name == "no-links" ? 0 : 1;
  attr.size = name == "size-too-large" ? uint64_t{1} << 63 : name == "size-largest" ? INT64_MAX : 5;
  // The viewer's, so that the kernel lets that one do what the attributes allow.
  static const auto root = os::stat_held(sandbox::kFdRoot);
  attr.uid = attr.gid = root.ok() ? root->stx_uid : 0;
  attr.mode = S_IFREG | 0666;
  if (starts(name, "dir") || (name == "turns" && !at_lookup)) attr.mode = S_IFDIR | 0777;
  if (name == "link") attr.mode = S_IFLNK | 0777;
  if (name == "suid") attr.mode = S_IFREG | 06777, attr.uid = attr.gid = 0;
  if (name == "no-type") attr.mode = 0666;
  if (name == "all-types") attr.mode = S_IFMT | 0666;
  if (name == "device") {
    attr.mode = S_IFCHR | 0666;
    attr.rdev = 1u << 8 | 3;  // null
  }
  return attr;
}

wire::FuseEntryOut Server::entry(std::string_view name) {
  auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) found = names_.insert(names_.end(), std::string(name));
  wire::FuseEntryOut out{};
  out.nodeid = 2 + static_cast<uint64_t>(found - names_.begin());
  if (name == "root-again") out.nodeid = kRoot;
  out.attr = attributes(2 + static_cast<uint64_t>(found - names_.begin()), true);
  return out;
}

void Server::look_up(const Request& request, std::string_view name) {
  if (starts(name, "new")) {
    reply(request.header.unique, -ENOENT);
    return;
  }
  lie(request, name);
  const wire::FuseEntryOut out = entry(name);
  if (name == "short") {
    reply(request.header.unique, 0, &out, 20);
  } else {
    reply_with(request, out);
  }
}

void Server::open(const Request& request) const {
  const std::string& name = name_of(request.header.nodeid);
  wire::FuseOpenOut out{};
  if (starts(name, "open-")) {
    out.open_flags = wire::kFopenPassthrough;
    std::from_chars(name.data() + 5, name.data() + name.size(), out.backing_id);
  }
  if (name == "plain") out = {0, wire::kFopenPassthrough, granted_id()};
  reply_with(request, out);
}

void Server::list(const Request& request) const {
  const std::string& name = name_of(request.header.nodeid);
  uint64_t offset = 0;
  std::memcpy(&offset, request.body.data() + 8, sizeof(offset));
  if (offset != 0 || !starts(name, "dir-")) {
    reply(request.header.unique, 0);
    return;
  }
  std::string entry = name == "dir-slash" ? "a/b" : name == "dir-dotdot" ? "../x" : "";
  if (name == "dir-long") entry.assign(4095, 'n');
  struct {
    uint64_t ino, off;
    uint32_t namelen, type;
  } dirent{7, 1, static_cast<uint32_t>(entry.size()), 8};
  if (name == "dir-overrun") entry = "abc", dirent.namelen = 1000;
  if (name == "dir-nul") entry = std::string("a\0b", 3), dirent.namelen = 3;
  std::vector<uint8_t> out;
  if (request.header.opcode == kReaddirplus) out.resize(sizeof(wire::FuseEntryOut));
  const auto* bytes = reinterpret_cast<const uint8_t*>(&dirent);
  out.insert(out.end(), bytes, bytes + sizeof(dirent));
  out.insert(out.end(), entry.begin(), entry.end());
  out.resize((out.size() + 7) / 8 * 8);
  reply(request.header.unique, 0, out.data(), out.size());
}

void Server::answer(const Request& request) {
  const uint64_t unique = request.header.unique;
  struct {
    uint64_t valid;
    uint32_t valid_nsec, dummy;
    wire::FuseAttr attr;
  } attributes_out{0, 0, 0, attributes(request.header.nodeid, false)};
  switch (request.header.opcode) {
    case kForget:
    case kBatchForget:
    case kInterrupt:
      return;
    case kLookup:
      return look_up(request, request.name());
    case kGetattr:
    case kSetattr:
      return reply_with(request, attributes_out);
    case kReadlink:
      reply(unique, 0, "plain", 5);
      return;
    case kMkdir:
      return reply_with(request, entry("dir-made"));
    case kLink:
      return reply_with(request, entry("linked"));
    case kCreate: {
      struct {
        wire::FuseEntryOut entry;
        wire::FuseOpenOut open;
      } out{entry("made"), {}};
      return reply_with(request, out);
    }
    case kOpen:
      return open(request);
    case kOpendir:
      return reply_with(request, wire::FuseOpenOut{});
    case kRead:
      reply(unique, 0, "lies!", 5);
      return;
    case kReaddir:
    case kReaddirplus:
      return list(request);
    case kStatfs: {
      const uint64_t out[10] = {};
      return reply_with(request, out);
    }
    case kGetxattr:
    case kListxattr: {
      uint32_t size = 0;
      std::memcpy(&size, request.body.data(), sizeof(size));
      const uint32_t out[2] = {};
      reply(unique, 0, out, size == 0 ? sizeof(out) : 0);
      return;
    }
    case kUnlink:
    case kRmdir:
    case kRename:
    case kRename2:
    case kRelease:
    case kReleasedir:
    case kFlush:
    case kFsync:
    case kSetxattr:
      reply(unique, 0);
      return;
    default:
      reply(unique, -ENOSYS);
  }
}

void Server::run() {
  std::vector<uint8_t> buffer(wire::kFuseBufferBytes);
  // As an honest one asks for what the one before it has not answered: to die of the same request.
  const wire::FuseOutHeader resend{sizeof(resend), wire::kNotifyResend, 0};
  if (how_ == "die" || how_ == "rest") (void)os::write_message(kFdFuse, {reinterpret_cast<const uint8_t*>(&resend), sizeof(resend)});
  for (;;) {
    const auto length = os::read_message(kFdFuse, buffer);
    if (!length.ok()) {
      const int error = length.failure().error;
      if (error == EAGAIN) wait_for_request();
      if (error == EAGAIN || error == EINTR || error == ENOENT) continue;
      return;
    }
    Request request{};
    std::memcpy(&request.header, buffer.data(), sizeof(request.header));
    request.body = std::span(buffer).first(*length).subspan(sizeof(request.header));
    if (request.header.opcode == opcode_) {
      say("reached");
      if (how_ == "die") ::_exit(0);
      if (how_ == "rest") ::_exit(wire::kExitResting);
      if (how_ == "mute") continue;
    }
    answer(request);
  }
}

int32_t granted_id() {
  const auto stat = os::stat_name(sandbox::kFdRoot, "plain");
  if (!stat.ok()) return 0;
  wire::BrokerRequest request{};
  request.op = wire::BrokerOp::kOpen;
  request.flags = wire::kOpenRead;
  request.dev = os::dev_of(*stat);
  request.ino = stat->stx_ino;
  uint8_t message[wire::kBrokerRequestMost];
  const size_t length = wire::encode_request(request, "plain", {}, message);
  wire::BrokerReply reply{};
  for (const int channel : {sandbox::kFdGrantRw, sandbox::kFdGrantRo}) {
    (void)os::write_message(channel, {message, length});
    (void)os::read_message(channel, {reinterpret_cast<uint8_t*>(&reply), sizeof(reply)});
    if (reply.use_read_only == 0) break;
  }
  return reply.error == 0 ? reply.backing_id : 0;
}

void serve(std::string_view how, uint32_t opcode, const wire::ViewConfig& config) {
  Server(how, opcode, config).run();
}

}  // namespace sluice::adversary
