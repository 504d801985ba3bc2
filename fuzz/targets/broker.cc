// Requests of a worker that was taken over, to the broker's own server on a real tree: names, files
// and grants that it knows, has guessed, or has no right to. Whatever it asks, no grant is of what
// a rule hides or of what is outside, and nothing of that changes.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <vector>

#include "broker/server.h"
#include "core/path.h"
#include "fuzz/grants.h"
#include "fuzz/scratch.h"
#include "fuzz/target.h"
#include "fuzz/trees.h"
#include "os/channel.h"
#include "os/socket.h"
#include "wire/broker_request_writer.h"
#include "wire/fuse_reply.h"

using namespace sluice;

namespace {

constexpr size_t kMostRequests = 24;

// One request as the worker sends it; how much of it is true, the choices say.
struct Asked {
  wire::BrokerRequest header{};
  std::string path, second;
};

std::string any_path(fuzz::Choices& choices) {
  const auto& paths = fuzz::HostileTree::paths();
  const uint8_t kind = choices.byte();
  std::string path = paths[choices.below(static_cast<uint32_t>(paths.size()))];
  if (kind < 216) return path;
  if (kind < 232) return path + "/" + paths[choices.below(static_cast<uint32_t>(paths.size()))];
  return std::string(choices.text(64));
}

// The file or directory that the worker says is meant: mostly the one that is there.
void say_file(fuzz::Choices& choices, const std::string& path, uint64_t* dev, uint64_t* ino) {
  const uint8_t kind = choices.byte();
  struct statx stat {};
  const std::string which = kind < 200 ? path : any_path(choices);
  if (kind >= 240 || which.find('\0') != std::string::npos ||
      ::statx(AT_FDCWD, ("/tree/" + which).c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
              &stat) != 0) {
    *dev = kind == 255 ? 0 : choices.take<uint8_t>();
    *ino = choices.take<uint8_t>();
    return;
  }
  *dev = os::dev_of(stat);
  *ino = stat.stx_ino;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

uint64_t any_grant(fuzz::Choices& choices, const std::vector<uint64_t>& grants) {
  const uint8_t kind = choices.byte();
  if (kind < 224 && !grants.empty()) return grants[kind % grants.size()];
  return core::GrantId{choices.below(4), choices.below(4)}.packed();
}

Asked ask(fuzz::Choices& choices, const std::vector<uint64_t>& grants) {
  using wire::BrokerOp;
  Asked asked;
  wire::BrokerRequest& header = asked.header;
  const uint8_t op = choices.byte();
  header.op = static_cast<BrokerOp>(1 + op % 18);
  header.flags = choices.byte() & 7u;
  // What the broker alone reads: 4 bytes of a file.
  const bool window = op >= 252;
  if (op == 251) header.op = BrokerOp::kMakeDevice;
  if (window) header.op = op % 2 == 0 ? BrokerOp::kOpen : BrokerOp::kReadWindow;
  // Mostly flags that it can have.
  if (choices.byte() % 8 != 0) {
    switch (header.op) {
      case BrokerOp::kOpen:
        header.flags = std::max(header.flags, 1u);
        break;
      case BrokerOp::kChange:
        break;
      case BrokerOp::kRename:
        header.flags &= 3;
        break;
      case BrokerOp::kOpenTemp:
      case BrokerOp::kSync:
      case BrokerOp::kRemove:
        header.flags &= 1;
        break;
      default:
        header.flags = 0;
    }
  }
  const bool takes_path = header.op == BrokerOp::kOpen || header.op == BrokerOp::kOpenTemp ||
                          header.op == BrokerOp::kTruncatePath ||
                          header.op == BrokerOp::kLinkNameless || header.op >= BrokerOp::kRemove;
  if (takes_path) {
    asked.path = any_path(choices);
    if (window) asked.path = "window", header.flags = wire::kOpenRead;
    const bool of_parent = header.op == BrokerOp::kRemove || header.op == BrokerOp::kRename ||
                           header.op == BrokerOp::kSymlink || header.op == BrokerOp::kLinkNameless ||
                           header.op == BrokerOp::kMakeDevice;
    say_file(choices, of_parent ? parent_of(asked.path) : asked.path, &header.dev, &header.ino);
  }
  if (header.op > BrokerOp::kRemove && header.op != BrokerOp::kMakeDevice) {
    asked.second = any_path(choices);
    if (asked.second.empty()) asked.second = "new";
    say_file(choices, parent_of(asked.second), &header.dev2, &header.ino2);
  }
  header.grant = any_grant(choices, grants);
  header.grant2 = any_grant(choices, grants);
  header.offset = static_cast<int64_t>(choices.number());
  header.offset2 = static_cast<int64_t>(choices.number());
  header.length = static_cast<int64_t>(choices.number());
  if (choices.byte() % 16 != 0)
    header.offset &= INT64_MAX, header.offset2 &= INT64_MAX, header.length &= INT64_MAX;
  for (int64_t& time : header.times) time = static_cast<int64_t>(choices.number());
  header.mode = choices.take<uint16_t>();
  if (header.op == BrokerOp::kSeek && choices.flag())
    header.mode = choices.flag() ? SEEK_DATA : SEEK_HOLE;
  if (header.op == BrokerOp::kAllocate) header.mode &= 0x13;
  if (header.op == BrokerOp::kMakeDevice && choices.flag()) header.mode = S_IFCHR | (header.mode & 01777);
  header.uid = static_cast<uint32_t>(choices.number());
  header.gid = static_cast<uint32_t>(choices.number());
  return asked;
}

class Attack {
 public:
  Attack(fuzz::Choices& choices, bool read_only)
      : choices_(choices),
        read_only_(read_only),
        rules_(fuzz::tree_rules()),
        channel_(*os::socket_pair()),
        service_(*os::socket_pair()),
        device_(*os::socket_pair()),
        events_((::fcntl(service_.second.get(), F_SETFL, O_NONBLOCK), service_.second.get())),
        view_{device_.second.get(), {tree_.root()}, {tree_.root()}, {}, read_only, !read_only, 0},
        book_(rules_),
        grants_(view_, book_, 6, left_.data()),
        read_write_(channel_.second.get(),
                    read_only ? broker::Domain::kReadOnly : broker::Domain::kReadWrite, view_,
                    book_, grants_, events_),
        read_only_server_(channel_.second.get(), broker::Domain::kReadOnly, view_, book_, grants_,
                          events_) {
    ::fcntl(device_.second.get(), F_SETFL, O_NONBLOCK);
    fuzz::on_grant([this](int fd) { look(fd); });
  }
  ~Attack() {
    fuzz::on_grant(nullptr);
    fuzz::refuse_grants(false);
    for (const uint64_t grant : held_) {
      wire::BrokerRequest close{};
      close.op = wire::BrokerOp::kClose;
      close.grant = grant;
      send(close, {}, {});
      serve(read_write_);
    }
    FUZZ_HOLDS(fuzz::open_grants() == 0);
  }

  void run() {
    for (size_t count = 0; choices_.more() && count < kMostRequests; ++count) {
      const uint8_t turn = choices_.byte();
      if (turn % 64 == 63) return reload();
      fuzz::refuse_grants(turn % 64 == 62);
      const Asked asked = ask(choices_, held_);
      broker::Server& server = choices_.byte() % 4 == 0 ? read_only_server_ : read_write_;
      writes_ = (asked.header.flags & wire::kOpenWrite) != 0;
      send(asked.header, asked.path, asked.second);
      if (!serve(server)) continue;  // malformed: it would not be served any longer
      if (!wire::one_way(asked.header.op)) take_reply(asked);
      if (asked.header.op == wire::BrokerOp::kClose) std::erase(held_, asked.header.grant);
      drain();
    }
    tree_.check();
  }

 private:
  void look(int fd) {
    struct stat stat;
    FUZZ_HOLDS(::fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode));
    FUZZ_HOLDS(!tree_.is_secret(stat.st_ino));
    for (const char* never : {"/tree/masked", "/tree/denied/f", "/tree/window"}) {
      FUZZ_HOLDS(stat.st_ino != fuzz::inode_of(never));
    }
    if (read_only_) FUZZ_HOLDS((::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    // A file of which a rule says that it is read-only is not granted for writing.
    if (stat.st_ino == fuzz::inode_of("/tree/fixed")) FUZZ_HOLDS(!writes_);
  }

  void send(const wire::BrokerRequest& header, std::string_view path, std::string_view second) {
    static uint8_t message[wire::kBrokerRequestMost];
    const size_t length = wire::encode_request(header, path, second, message);
    FUZZ_HOLDS(length > 0 && os::write_message(channel_.first.get(), {message, length}).ok());
  }

  // One request. Behind it goes what ends the loop: one byte, which is malformed. Whether the
  // request was not.
  bool serve(broker::Server& server) {
    const uint8_t end = 0;
    FUZZ_HOLDS(os::write_message(channel_.first.get(), {&end, 1}).ok());
    server.run();
    // Had the request itself been malformed, the byte would still be there.
    uint8_t left[4];
    const ssize_t rest = ::recv(channel_.second.get(), left, sizeof(left), MSG_DONTWAIT);
    return rest < 0;
  }

  void take_reply(const Asked& asked) {
    wire::BrokerReply reply;
    const ssize_t length = ::recv(channel_.first.get(), &reply, sizeof(reply), MSG_DONTWAIT);
    FUZZ_HOLDS(length == static_cast<ssize_t>(sizeof(reply)));
    FUZZ_HOLDS(reply.error >= 0 && reply.reason < static_cast<uint32_t>(core::Reason::kCount));
    if (reply.error != 0) {
      FUZZ_HOLDS(reply.grant == 0 && reply.backing_id == 0 && reply.value == 0);
      return;
    }
    using wire::BrokerOp;
    const bool opens = asked.header.op == BrokerOp::kOpen || asked.header.op == BrokerOp::kOpenTemp;
    if (!opens || reply.use_read_only != 0) return;
    if (std::find(held_.begin(), held_.end(), reply.grant) == held_.end())
      held_.push_back(reply.grant);
    if (asked.header.op == BrokerOp::kOpen) {
      // By the verdict of somebody else's matcher.
      core::Matcher matcher(rules_, 0);
      FUZZ_HOLDS(!rules_.hides(matcher.decide(asked.path).file));
      if (writes_) FUZZ_HOLDS(!read_only_);
    } else {
      FUZZ_HOLDS(!read_only_);
    }
  }

  // Other rules from the service, in the middle of it; and bytes that are none, which end the view.
  void reload() {
    const auto bytes = choices_.flag() ? rules_.bytes()
                                       : std::vector<uint8_t>(choices_.below(64), choices_.byte());
    if (bytes.empty()) return;
    (void)os::write_message(service_.first.get(), bytes);
    const uint8_t end = 0;
    (void)os::write_message(channel_.first.get(), {&end, 1});
    read_write_.run(service_.second.get());
    uint8_t left[4];
    (void)::recv(channel_.second.get(), left, sizeof(left), MSG_DONTWAIT);
  }

  void drain() {
    static uint8_t buffer[wire::kFuseMaxWrite + 64];
    for (;;) {
      const ssize_t length = ::recv(device_.first.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (length < 0) break;
      // What the broker writes to the kernel is a reply, and not of more than the window has.
      wire::FuseOutHeader header;
      FUZZ_HOLDS(length >= static_cast<ssize_t>(sizeof(header)) &&
                 length <= static_cast<ssize_t>(sizeof(header)) + 4);
      std::memcpy(&header, buffer, sizeof(header));
      FUZZ_HOLDS(header.len == length && header.error <= 0);
    }
    while (::recv(service_.first.get(), buffer, sizeof(buffer), MSG_DONTWAIT) >= 0) {
    }
  }

  fuzz::Choices& choices_;
  const bool read_only_;
  fuzz::HostileTree tree_;
  const core::Rules rules_;
  std::pair<os::Fd, os::Fd> channel_, service_, device_;
  broker::Events events_;
  broker::View view_;
  broker::Rulebook book_;
  std::vector<core::Grant> left_ = std::vector<core::Grant>(6);
  broker::Grants grants_;
  broker::Server read_write_, read_only_server_;
  std::vector<uint64_t> held_;
  bool writes_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Scratch* scratch = fuzz::Scratch::get();
  if (scratch == nullptr) return 0;
  scratch->run([&] {
    fuzz::Choices choices(data, size);
    fuzz::forget_grants();
    Attack attack(choices, choices.byte() % 8 == 0);
    attack.run();
  });
  return 0;
}
