// FUSE requests to the worker's own session, with its real operations on a real tree and the
// broker's real server behind it: as the kernel would send them, in any order, and with names,
// nodes, flags and numbers as it never would. What the lengths of a message say is true: libfuse
// trusts the kernel in that. And the handles of open directories are those that the worker gave,
// since they are its pointers, each with its node.
//
// Each request has exactly one reply, which is well-formed and tells of nothing that a rule hides.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "broker/server.h"
#include "core/compiler.h"
#include "fuzz/blank_table.h"
#include "fuzz/grants.h"
#include "fuzz/scratch.h"
#include "fuzz/target.h"
#include "fuzz/trees.h"
#include "os/channel.h"
#include "os/socket.h"
#include "wire/cursor.h"
#include "wire/fuse.h"
#include "wire/touch.h"
#include "wire/writer.h"
#include "worker/session.h"

using namespace sluice;

namespace {

constexpr size_t kMostRequests = 40;

// Source: Linux include/uapi/linux/fuse.h, enum fuse_opcode.
enum Opcode : uint32_t {
  kLookup = 1,
  kForget = 2,
  kGetattr = 3,
  kSetattr = 4,
  kReadlink = 5,
  kSymlink = 6,
  kMknod = 8,
  kMkdir = 9,
  kUnlink = 10,
  kRmdir = 11,
  kRename = 12,
  kLink = 13,
  kOpen = 14,
  kRead = 15,
  kWrite = 16,
  kStatfs = 17,
  kRelease = 18,
  kFsync = 20,
  kSetxattr = 21,
  kGetxattr = 22,
  kListxattr = 23,
  kRemovexattr = 24,
  kFlush = 25,
  kOpendir = 27,
  kReaddir = 28,
  kReleasedir = 29,
  kFsyncdir = 30,
  kAccess = 34,
  kCreate = 35,
  kBatchForget = 42,
  kFallocate = 43,
  kReaddirplus = 44,
  kRename2 = 45,
  kLseek = 46,
  kCopyFileRange = 47,
  kTmpfile = 51,
};
constexpr Opcode kOpcodes[] = {
    kLookup,      kLookup,    kLookup,      kLookup,      kForget,      kGetattr, kSetattr,
    kReadlink,    kSymlink,   kMknod,       kMkdir,       kUnlink,      kRmdir,   kRename,
    kLink,        kOpen,      kOpen,        kRead,        kWrite,       kStatfs,  kRelease,
    kFsync,       kSetxattr,  kGetxattr,    kListxattr,   kRemovexattr, kFlush,   kOpendir,
    kOpendir,     kReaddir,   kReaddir,     kReleasedir,  kFsyncdir,    kAccess,  kCreate,
    kBatchForget, kFallocate, kReaddirplus, kReaddirplus, kRename2,     kLseek,   kCopyFileRange,
    kTmpfile};

// Attribute and directory listings in a reply.
struct Dirent {
  uint64_t ino, off;
  uint32_t name_length, type;
};

std::vector<uint8_t> init_message() {
  wire::Writer writer;
  writer.put(wire::FuseInHeader{sizeof(wire::FuseInHeader) + sizeof(wire::FuseInitIn),
                                wire::kFuseInit, 1, 0, 0, 0, 0, 0, 0});
  wire::FuseInitIn in{};
  in.major = wire::kFuseMajor;
  in.minor = wire::kFuseMinorMost;
  in.max_readahead = 131072;
  in.flags = in.flags2 = ~0u;
  writer.put(in);
  return writer.finish();
}

wire::ViewConfig config_of(fuzz::Choices& choices) {
  wire::ViewConfig config;
  const uint8_t bits = choices.byte();
  config.read_only = bits % 8 == 0;
  config.preserve = bits % 8 == 1;
  config.device_nodes = bits % 16 == 1;
  config.coherence_milliseconds = bits % 4 == 2 ? 0 : 1000;
  config.most_grants = 8;
  config.init = init_message();
  config.rules = bits % 16 == 15 ? core::Rules() : fuzz::tree_rules();
  return config;
}

// The broker's three threads, on channels of its own; the one for data has the worker's thread at
// its other end, which lives as long as this process.
class Broker {
 public:
  Broker(const wire::ViewConfig& config, int root, int device)
      : device_(device),
        view_{device_.get(), {root}, {root}, {}, config.read_only != 0, config.device_nodes != 0, 0},
        book_(config.rules),
        left_(config.most_grants),
        grants_(view_, book_, config.most_grants, left_.data()),
        events_((::fcntl(service_.second.get(), F_SETFL, O_NONBLOCK), service_.second.get())) {
    const auto domain = config.read_only ? broker::Domain::kReadOnly : broker::Domain::kReadWrite;
    start(read_write_.second.get(), domain);
    start(read_only_.second.get(), broker::Domain::kReadOnly);
    start(data_channel().second.get(), domain);
  }
  ~Broker() {
    read_write_.first.reset();
    read_only_.first.reset();
    const uint8_t malformed = 0;  // which ends it
    (void)os::write_message(data_channel().first.get(), {&malformed, 1});
    for (std::thread& thread : threads_) thread.join();
    // What its process has open closes with it; here it is this one's.
    for (wire::BrokerReply left{};; left.grant = 0) {
      grants_.next(0, left);
      if (left.grant == 0) return;
      (void)grants_.close(core::GrantId::unpack(left.grant));
    }
  }
  int read_write() const { return read_write_.first.get(); }
  int read_only() const { return read_only_.first.get(); }
  int service() const { return service_.first.get(); }
  // It ends, or what it sends are no rules.
  void end_service(bool sends) {
    const uint8_t no_rules[] = {1};
    for (int i = 0; sends && i < 2; ++i) (void)os::write_message(service_.second.get(), no_rules);
    if (!sends) ::shutdown(service_.second.get(), SHUT_RDWR);
  }

  static std::pair<os::Fd, os::Fd>& data_channel() {
    static auto* const pair = new std::pair<os::Fd, os::Fd>(*os::socket_pair());
    return *pair;
  }
  static worker::DataThread& data_thread() {
    static auto* const thread = [] {
      auto* made = new worker::DataThread(data_channel().first.get());
      made->start(0, -1);
      return made;
    }();
    return *thread;
  }

 private:
  void start(int channel, broker::Domain domain) {
    threads_.emplace_back([this, channel, domain] {
      broker::Server(channel, domain, view_, book_, grants_, events_).run();
      // By a name that the kernel never sends the worker asks for what no honest worker asks for. A
      // broker then ends, and the view with it.
      if (channel != data_channel().second.get()) ::shutdown(channel, SHUT_RDWR);
    });
  }

  os::Fd device_;
  std::pair<os::Fd, os::Fd> read_write_ = *os::socket_pair(), read_only_ = *os::socket_pair(),
                            service_ = *os::socket_pair();
  broker::View view_;
  broker::Rulebook book_;
  std::vector<core::Grant> left_;
  broker::Grants grants_;
  broker::Events events_;
  std::vector<std::thread> threads_;
};

class Kernel {
 public:
  Kernel(fuzz::Choices& choices)
      : choices_(choices),
        config_(config_of(choices)),
        hides_(!config_.rules.empty()),
        device_(*os::socket_pair()),
        broker_(config_, tree_.root(), ::dup(device_.second.get())),
        legacy_(left_.bytes(), nullptr),
        table_(*worker::Table::create(tree_.root(), std::array{tree_.root()}, watches_, legacy_, nullptr)),
        read_write_(broker_.read_write()),
        read_only_(broker_.read_only()),
        files_(*table_, config_.read_only, config_.most_grants, read_write_, read_only_, counters_),
        names_(*table_, read_write_),
        rules_(*table_, config_.rules, nullptr),
        forgetter_(device_.second.get()),
        open_directories_(legacy_, {}),
        // libfuse closes what it was given.
        worker_{config_,
                *table_,
                rules_,
                files_,
                open_directories_,
                names_,
                Broker::data_thread(),
                watches_,
                forgetter_,
                counters_,
                ::dup(device_.second.get()),
                broker_.service(),
                {}} {
    if (choices.byte() % 4 == 0) {
      int ends[2];
      FUZZ_HOLDS(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
      record_out_.reset(ends[0]);
      record_in_.reset(ends[1]);
      worker_.record = &record_.emplace(*table_, record_in_.get());
    }
    session_ = worker::Session::create(worker_);
    FUZZ_HOLDS(session_ != nullptr);
    fuzz::on_grant([this](int fd) {
      struct stat stat;
      FUZZ_HOLDS(::fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode));
      FUZZ_HOLDS(!hides_ || !tree_.is_secret(stat.st_ino));
      if (config_.read_only) FUZZ_HOLDS((::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    });
  }
  ~Kernel() {
    fuzz::on_grant(nullptr);
    session_.reset();
  }

  void run() {
    if (choices_.byte() % 4 != 0) look_about();
    for (size_t count = 0; choices_.more() && count < kMostRequests; ++count) {
      const uint8_t step = choices_.byte();
      if (step >= 252)
        (void)worker_.tick();
      else if (step >= 250)
        rules_.replace(step == 250 ? other_rules() : config_.rules);
      else if (step >= 240)
        change_behind_the_view();
      else if (step >= 236)
        open_one_after_the_other();
      else
        request(kOpcodes[step % std::size(kOpcodes)]);
    }
    if (hides_ && !config_.preserve) tree_.check();
    if (choices_.flag()) give_up();
    end();
  }

 private:
  // Who uses the view has seen what there is.
  void look_about() {
    for (const char* name : {"a", "b", "dir", "masked", "window", "fixed", "few", "owned"}) look_up(1, name);
    for (const auto& [node, lookups] : std::map(nodes_)) look_up(node, "c");  // in one of them
  }
  // In the order in which it was seen: what comes next is granted before it is opened.
  void open_one_after_the_other() {
    for (const auto& [node, lookups] : std::map(nodes_)) {
      wire::Writer body;
      body.put(last_flags_ = O_RDONLY), body.put(uint32_t{0});
      send(kOpen, node, body.finish());
    }
  }
  void look_up(uint64_t directory, const std::string& name) {
    wire::Writer body;
    body.put_text(last_name_ = name), body.put(uint8_t{0});
    send(kLookup, directory, body.finish());
  }

  // ---- What others do meanwhile ----

  // The service has the view's rules changed: of what was found by the others, something else is said now.
  core::Rules other_rules() const {
    if (!hides_) return config_.rules;
    static const core::Rules rules = [] {
      const core::WrittenRule written[] = {{".env", {core::Effect::kHide}},
                                           {"*.key", {core::Effect::kHide}},
                                           {"keys/", {core::Effect::kHide}},
                                           {"/denied", {core::Effect::kDeny, false, EPERM}},
                                           {"/fixed", {core::Effect::kReadOnly}},
                                           {"/masked", {core::Effect::kMask}},
                                           {"/window", {core::Effect::kMask}},
                                           {"c", {core::Effect::kHide}},
                                           {"b", {core::Effect::kOwner, false, 9}}};
      return std::get<core::Rules>(core::compile(written));
    }();
    return rules;
  }
  // Of what everybody may see.
  void change_behind_the_view() {
    static constexpr const char* kFiles[] = {"/tree/a", "/tree/b", "/tree/dir/c", "/tree/new", "/tree/dir/new", "/tree/dir/sub/d"};
    const char* const one = choices_.one_of(kFiles);
    const char* const other = choices_.one_of(kFiles);
    switch (choices_.byte() % 4) {
      case 0:
        (void)!::unlink(one);
        break;
      case 1:
        (void)!::rename(one, other);
        break;
      case 2:
        (void)!::link(one, other);
        break;
      default:
        (void)!::rename("/tree/dir/sub", "/tree/moved");
    }
  }

  // The caller of a last request gives up, and with it the mount goes and the service: nobody takes a reply, and
  // the loop that asks for requests ends.
  void give_up() {
    ::fcntl(device_.second.get(), F_SETFL, O_NONBLOCK);
    const auto length = static_cast<uint32_t>(sizeof(wire::FuseInHeader));
    const wire::FuseInHeader header{length, kStatfs, ++unique_, 1, 0, 0, 1, 0, 0};
    FUZZ_HOLDS(::send(device_.first.get(), &header, length, 0) == length);
    broker_.end_service(choices_.flag());
    for (int i = 0; i < 2; ++i) session_->run();
    ::shutdown(device_.first.get(), SHUT_RDWR);
    gone_ = true;
    for (size_t count = 0; count < 3; ++count) request(kGivenUp[choices_.below(std::size(kGivenUp))]);
  }
  static constexpr Opcode kGivenUp[] = {kReaddirplus, kOpen, kCreate, kTmpfile, kLookup, kOpendir, kRead};

  // ---- Messages ----

  uint64_t any_node() {
    const uint8_t which = choices_.byte();
    if (which >= 248) return choices_.number();
    if (nodes_.empty() || which % 3 == 0) return 1;
    return std::next(nodes_.begin(), which % static_cast<ptrdiff_t>(nodes_.size()))->first;
  }
  std::string any_name() {
    static constexpr std::string_view kNames[] = {
        "a",    "b",     "dir",    "c",     "sub",    "d",      ".env", "x.key",
        "keys", "one",   "denied", "fixed", "masked", "window", "few",  "1",
        "2",    "owned", "link",   "out",   "up",     "fifo",   "new",  "e"};
    const uint8_t which = choices_.byte();
    if (which < 232) return std::string(kNames[which % std::size(kNames)]);
    if (which < 244) return std::string(which - 232u + 250u, 'n');
    // As the kernel never would.
    kernel_lies_ = true;
    static constexpr std::string_view kNever[] = {".",        "..", "../outside/other",
                                                  "dir/.env", "/",  ""};
    if (which < 250) return std::string(kNever[which - 244]);
    return std::string(fuzz::text_of(fuzz::bytes_of(choices_.text(40)))).c_str();
  }
  // Mostly one that is open.
  uint64_t open_node(uint64_t* handle) {
    if (opens_.empty() || choices_.byte() % 8 == 7) return any_node();
    const Open& open = opens_[choices_.byte() % opens_.size()];
    *handle = open.handle;
    return open.node;
  }
  // Mostly one that the kernel knows: a directory, and a name in it.
  struct Place {
    uint64_t directory;
    std::string name;
  };
  Place any_place() {
    if (places_.empty() || choices_.byte() % 4 == 3) return {any_node(), any_name()};
    return places_[choices_.byte() % places_.size()];
  }
  uint64_t any_directory_handle() {
    const size_t count = listings_.size();
    return count == 0
               ? 0
               : std::next(listings_.begin(), choices_.byte() % static_cast<ptrdiff_t>(count))
                     ->first;
  }

  void request(Opcode opcode) {
    uint64_t node = any_node();
    wire::Writer body;
    const auto name = [&] {
      body.put_text(any_name());
      body.put(uint8_t{0});
    };
    const auto words = [&](std::initializer_list<uint32_t> list) {
      for (const uint32_t word : list) body.put(word);
    };
    const auto number = [&] { body.put(choices_.number()); };
    const auto open_flags = [&] {
      static constexpr uint32_t kFlags[] = {O_RDONLY,
                                            O_RDWR,
                                            O_WRONLY,
                                            O_RDONLY | O_TRUNC,
                                            O_RDWR | O_TRUNC,
                                            O_WRONLY | O_APPEND,
                                            O_RDWR | O_EXCL,
                                            O_RDONLY | O_NOFOLLOW,
                                            3,
                                            ~0u};
      return choices_.one_of(kFlags);
    };
    const uint32_t mode = choices_.take<uint16_t>() & 0x7777u;
    uint64_t handle = choices_.below(5);
    switch (opcode) {
      case kUnlink: {
        const Place place = any_place();
        node = place.directory;
        body.put_text(place.name), body.put(uint8_t{0});
        break;
      }
      case kLookup:
        last_name_ = any_name();
        body.put_text(last_name_), body.put(uint8_t{0});
        break;
      case kRmdir:
      case kRemovexattr:
        name();
        break;
      case kForget:
        number();
        break;
      case kGetattr:
        words({0, 0}), number();
        break;
      case kSetattr:
        words({choices_.take<uint32_t>() & 0xffff, 0}), number(), number(), number(), number(),
            number(), number();
        words({choices_.take<uint16_t>(), choices_.take<uint16_t>(), 0, mode, 0, choices_.byte(),
               choices_.byte(), 0});
        break;
      case kSymlink:
        name(), name();
        break;
      case kMknod:
        words({mode | (choices_.flag() ? uint32_t{S_IFREG} : uint32_t{choices_.byte()} << 12), 0,
               022, 0}),
            name();
        break;
      case kMkdir:
        words({mode, choices_.byte()}), name();
        break;
      case kRename:
      case kRename2: {
        const Place from = any_place(), to = any_place();
        node = from.directory;
        body.put(to.directory);
        if (opcode == kRename2) words({choices_.byte() & 7u, 0});
        body.put_text(from.name), body.put(uint8_t{0}), body.put_text(to.name), body.put(uint8_t{0});
        break;
      }
      case kLink:
        body.put(choices_.flag() ? open_node(&handle) : any_node()), name();
        break;
      case kOpen:
      case kOpendir:
        words({last_flags_ = open_flags(), 0});
        break;
      case kReaddir:
      case kReaddirplus:
        if ((handle = any_directory_handle()) == 0) return;
        node = listings_[handle];
        body.put(handle),
            body.put(choices_.byte() % 4 != 0 ? uint64_t{choices_.byte()} : choices_.number());
        words({choices_.take<uint16_t>(), 0, 0, 0, 0, 0});
        break;
      case kRead:
        node = open_node(&handle);
        body.put(handle), number(),
            words({static_cast<uint32_t>(choices_.number()) & 0x1ffff, 0, 0, 0, 0, 0});
        break;
      case kWrite:
        body.put(handle), number(), words({0, 0, 0, 0, 0, 0});
        break;
      case kRelease: {
        const size_t which = opens_.empty() ? 0 : choices_.byte() % opens_.size();
        if (opens_.empty() || choices_.byte() % 8 == 7) {
          body.put(handle), words({open_flags(), 0, 0, 0});
          break;
        }
        node = opens_[which].node;
        body.put(opens_[which].handle), words({opens_[which].flags, 0, 0, 0});
        opens_.erase(opens_.begin() + static_cast<ptrdiff_t>(which));
        break;
      }
      case kReleasedir:
        if ((handle = any_directory_handle()) == 0) return;
        node = listings_[handle];
        listings_.erase(handle);
        body.put(handle), words({0, 0, 0, 0});
        break;
      case kFsync:
        node = open_node(&handle);
        body.put(handle), words({choices_.byte(), 0});
        break;
      case kFsyncdir:
        if ((handle = any_directory_handle()) == 0) return;
        body.put(handle), words({choices_.byte(), 0});
        break;
      case kSetxattr: {
        const uint32_t length = choices_.byte();
        words({length, choices_.byte()});
        body.put_text(choices_.flag() ? "user.x" : "trusted.y");
        body.put(uint8_t{0});
        body.put_text(std::string(length, 'v'));
        break;
      }
      case kGetxattr:
        words({choices_.take<uint16_t>(), 0}),
            body.put_text(choices_.flag() ? "user.x" : "security.capability"), body.put(uint8_t{0});
        break;
      case kListxattr:
        words({choices_.take<uint16_t>(), 0});
        break;
      case kFlush:
        node = open_node(&handle);
        body.put(handle), words({0, 0, 0, 0});
        break;
      case kAccess:
        words({mode & 7, 0});
        break;
      case kCreate:
      case kTmpfile:
        words({last_flags_ = open_flags() | (choices_.flag() ? uint32_t{O_EXCL} : 0), mode, choices_.byte(), 0}),
            name();
        break;
      case kBatchForget: {
        const uint32_t count = choices_.below(4);
        words({count, 0});
        for (uint32_t i = 0; i < count; ++i) {
          const uint64_t which = any_node(), lookups = 1 + choices_.below(3);
          body.put(which), body.put(lookups);
          forgotten(which, lookups);
        }
        break;
      }
      case kFallocate:
        node = open_node(&handle);
        body.put(handle), number(), number(), words({choices_.byte() & 0x13u, 0});
        break;
      case kLseek:
        node = open_node(&handle);
        body.put(handle), number(), words({choices_.byte() & 7u, 0});
        break;
      case kCopyFileRange:
        node = open_node(&handle);
        body.put(handle), number(), body.put(open_node(&handle)), number(), number(), number(), number();
        break;
      default:
        break;
    }
    std::vector<uint8_t> bytes = body.finish();
    if (opcode == kForget) {
      uint64_t lookups;
      std::memcpy(&lookups, bytes.data(), sizeof(lookups));
      forgotten(node, lookups);
    }
    send(opcode, node, bytes);
  }

  void send(uint32_t opcode, uint64_t node, std::span<const uint8_t> body) {
    // In a buffer as large as the worker's own.
    static std::vector<uint8_t> buffer(wire::kFuseBufferBytes);
    const auto length = static_cast<uint32_t>(sizeof(wire::FuseInHeader) + body.size());
    const wire::FuseInHeader header{length, opcode, ++unique_, node, 0, 0, 1, 0, 0};
    std::memcpy(buffer.data(), &header, sizeof(header));
    std::memset(buffer.data() + sizeof(header), 0, 8192);
    wire::copy_text(buffer.data() + sizeof(header), fuzz::text_of(body));
    session_->serve(std::span(buffer).first(length));
    if (opcode != kForget && opcode != kBatchForget && !gone_) take_reply(opcode, node);
    if (record_) take_record();
  }

  // ---- Replies ----

  void take_reply(uint32_t opcode, uint64_t node) {
    static uint8_t reply[wire::kFuseBufferBytes + 4096];
    for (;;) {
      struct pollfd ready {
        device_.first.get(), POLLIN, 0
      };
      FUZZ_HOLDS(::poll(&ready, 1, 5000) == 1);  // every request is answered
      const ssize_t length = ::recv(device_.first.get(), reply, sizeof(reply), MSG_DONTWAIT);
      wire::FuseOutHeader header;
      FUZZ_HOLDS(length >= static_cast<ssize_t>(sizeof(header)));
      std::memcpy(&header, reply, sizeof(header));
      FUZZ_HOLDS(header.len == length);
      if (header.unique == 0) continue;  // what the worker tells by itself
      FUZZ_HOLDS(header.unique == unique_ && header.error <= 0 && header.error > -1000);
      const std::span body(reply + sizeof(header), static_cast<size_t>(length) - sizeof(header));
      if (header.error != 0)
        FUZZ_HOLDS(body.empty());
      else
        look_at(opcode, node, body);
      return;
    }
  }

  void look_at(uint32_t opcode, uint64_t node, std::span<const uint8_t> body) {
    switch (opcode) {
      case kLookup:
      case kMknod:
      case kMkdir:
      case kSymlink:
      case kLink:
        FUZZ_HOLDS(body.size() == sizeof(wire::FuseEntryOut));
        if (take_entry(body) != 0 && opcode == kLookup && places_.size() < 32) places_.push_back({node, last_name_});
        break;
      case kCreate:
      case kTmpfile:
        FUZZ_HOLDS(body.size() == sizeof(wire::FuseEntryOut) + sizeof(wire::FuseOpenOut));
        opens_.push_back({take_entry(body), take_open(body.subspan(sizeof(wire::FuseEntryOut))), last_flags_});
        break;
      case kOpen:
        FUZZ_HOLDS(body.size() == sizeof(wire::FuseOpenOut));
        opens_.push_back({node, take_open(body), last_flags_});
        break;
      case kOpendir: {
        wire::FuseOpenOut open;
        FUZZ_HOLDS(body.size() == sizeof(open));
        std::memcpy(&open, body.data(), sizeof(open));
        listings_[open.fh] = node;
        break;
      }
      case kGetattr:
      case kSetattr: {
        FUZZ_HOLDS(body.size() == 16 + sizeof(wire::FuseAttr));
        wire::FuseAttr attr;
        std::memcpy(&attr, body.data() + 16, sizeof(attr));
        FUZZ_HOLDS(!hides_ || !tree_.is_secret(attr.ino));
        break;
      }
      case kReaddir:
      case kReaddirplus:
        take_listing(body, opcode == kReaddirplus);
        break;
      case kRead:
        FUZZ_HOLDS(body.size() <= 4);  // of the window
        break;
      default:
        break;
    }
  }

  uint64_t take_entry(std::span<const uint8_t> body) {
    wire::FuseEntryOut entry;
    std::memcpy(&entry, body.data(), sizeof(entry));
    if (entry.nodeid == 0) return 0;
    FUZZ_HOLDS(entry.nodeid != 1 || entry.attr.ino == fuzz::inode_of("/tree"));
    FUZZ_HOLDS(!hides_ || !tree_.is_secret(entry.attr.ino));
    if (entry.nodeid != 1) ++nodes_[entry.nodeid];
    return entry.nodeid;
  }

  uint64_t take_open(std::span<const uint8_t> body) {
    wire::FuseOpenOut open;
    std::memcpy(&open, body.data(), sizeof(open));
    FUZZ_HOLDS(((open.open_flags & wire::kFopenPassthrough) != 0) == (open.backing_id > 0));
    FUZZ_HOLDS((open.open_flags & ~(wire::kFopenPassthrough | wire::kFopenNoFlush)) == 0);
    return open.fh;
  }

  void take_listing(std::span<const uint8_t> body, bool plus) {
    while (!body.empty()) {
      bool counted = false;
      if (plus) {
        FUZZ_HOLDS(body.size() >= sizeof(wire::FuseEntryOut));
        counted = take_entry(body) != 0;
        body = body.subspan(sizeof(wire::FuseEntryOut));
      }
      Dirent entry;
      FUZZ_HOLDS(body.size() >= sizeof(entry));
      std::memcpy(&entry, body.data(), sizeof(entry));
      const size_t padded = (sizeof(entry) + entry.name_length + 7) & ~size_t{7};
      FUZZ_HOLDS(entry.name_length > 0 && entry.name_length <= 255 && padded <= body.size());
      const std::string_view name = fuzz::text_of(body.subspan(sizeof(entry), entry.name_length));
      if (hides_)
        FUZZ_HOLDS(name != ".env" && !name.ends_with(".key") && !tree_.is_secret(entry.ino));
      FUZZ_HOLDS(!counted || (name != "." && name != ".."));
      body = body.subspan(padded);
    }
  }

  void take_record() {
    static uint8_t bytes[wire::kTouchMost * 4];
    const ssize_t length = ::read(record_out_.get(), bytes, sizeof(bytes));
    for (std::span rest(bytes, length > 0 ? static_cast<size_t>(length) : 0); !rest.empty();) {
      const auto touch = wire::decode_touch(rest);
      FUZZ_HOLDS(touch.ok() || kernel_lies_);
      if (!touch.ok() || touch->length == 0) break;
      rest = rest.subspan(touch->length);
    }
  }

  void forgotten(uint64_t node, uint64_t lookups) {
    const auto found = nodes_.find(node);
    if (found == nodes_.end()) return;
    if (found->second <= lookups)
      nodes_.erase(found);
    else
      found->second -= lookups;
  }

  // All is closed and forgotten: nothing is left of it, in the worker or in the broker.
  void end() {
    for (const auto& [handle, node] : listings_) {
      wire::Writer body;
      body.put(handle), body.put(uint64_t{0}), body.put(uint64_t{0});
      send(kReleasedir, node, body.finish());
    }
    for (const auto& [node, lookups] : std::exchange(nodes_, {})) {
      wire::Writer body;
      body.put(lookups);
      send(kForget, node, body.finish());
    }
  }

  fuzz::Choices& choices_;
  fuzz::HostileTree tree_;
  const wire::ViewConfig config_;
  const bool hides_;
  std::pair<os::Fd, os::Fd> device_;  // ours, the worker's
  Broker broker_;
  worker::Watches watches_;
  fuzz::BlankTable left_;
  worker::Legacy legacy_;
  std::unique_ptr<worker::Table> table_;
  worker::BrokerLink read_write_, read_only_;
  wire::Counters counters_{};
  worker::OpenFiles files_;
  worker::Names names_;
  worker::ViewRules rules_;
  worker::Forgetter forgetter_;
  worker::Listings open_directories_;
  worker::Worker worker_;
  os::Fd record_in_, record_out_;
  std::optional<worker::Record> record_;
  std::unique_ptr<worker::Session> session_;

  bool kernel_lies_ = false;  // about names
  uint64_t unique_ = 1;
  std::map<uint64_t, uint64_t> nodes_;     // that the kernel knows: how often it was told of them
  std::map<uint64_t, uint64_t> listings_;  // open directories: handle, node
  struct Open {
    uint64_t node, handle;
    uint32_t flags;
  };
  std::vector<Open> opens_;
  std::vector<Place> places_;
  std::string last_name_;
  uint32_t last_flags_ = 0;
  bool gone_ = false;  // the kernel's end: nobody takes replies any more
};

}  // namespace

// The broker of one input ends with it, whatever is under way.
void worker::without_broker() {}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Scratch* scratch = fuzz::Scratch::get();
  if (scratch == nullptr) return 0;
  ::signal(SIGPIPE, SIG_IGN);
  scratch->run([&] {
    fuzz::Choices choices(data, size);
    fuzz::forget_grants();
    Kernel(choices).run();
  });
  return 0;
}
