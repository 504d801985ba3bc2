#include "foreign_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "hostile_worker.h"
#include "os/mount.h"
#include "os/socket.h"
#include "running_service.h"
#include "service/connection.h"
#include "wire/control.h"
#include "wire/fuse.h"
#include "wire/init.h"

namespace sluice::adversary {
namespace {

constexpr uint32_t kInit = 26, kLookup = 1, kForget = 2, kGetattr = 3, kOpen = 14, kRead = 15, kWrite = 16, kRelease = 18,
                   kFlush = 25, kOpendir = 27, kReleasedir = 29, kBatchForget = 42;
constexpr uint64_t kFileNode = 2, kDeviceNode = 3, kProgramNode = 4;

void reply(int device, uint64_t unique, int error, const void* body = nullptr, size_t size = 0) {
  const wire::FuseOutHeader header{static_cast<uint32_t>(sizeof(header) + size), -error, unique};
  struct iovec parts[] = {{const_cast<wire::FuseOutHeader*>(&header), sizeof(header)}, {const_cast<void*>(body), size}};
  (void)!::writev(device, parts, 2);
}

wire::FuseAttr attributes_of(uint64_t node, uint64_t size) {
  wire::FuseAttr attr{};
  attr.ino = node;
  attr.nlink = 1;
  attr.mode = node == kFileNode      ? S_IFREG | 0666
              : node == kDeviceNode  ? S_IFCHR | 0666
              : node == kProgramNode ? S_IFREG | S_ISUID | 0755
                                     : S_IFDIR | 0777;
  attr.size = node == kFileNode || node == kProgramNode ? size : 0;
  if (node == kDeviceNode) attr.rdev = 1 << 8 | 3;
  return attr;
}

}  // namespace

std::string foreign_ground() {
  const std::string path = work_dir() + "/foreign";
  EXPECT_EQ(::mkdir(path.c_str(), 0755), 0);
  EXPECT_EQ(::chown(path.c_str(), kUser, kUser), 0);
  EXPECT_EQ(::mkdir((path + "/point").c_str(), 0755), 0);
  EXPECT_EQ(::chown((path + "/point").c_str(), kUser, kUser), 0);
  write_all(path + "/file", "contents", kUser);
  // Everybody's, as udev makes it.
  EXPECT_EQ(::mknod("/run/fuse", S_IFCHR, makedev(10, 229)), 0);
  EXPECT_EQ(::chmod("/run/fuse", 0666), 0);
  EXPECT_EQ(::mount("/run/fuse", "/dev/fuse", nullptr, MS_BIND, nullptr), 0);
  return path;
}

void enter_own_namespaces() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  ::prctl(PR_SET_DUMPABLE, 1);  // becoming another user took it
  need(::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "a user namespace of one's own");
  const auto put = [](const char* path, const std::string& text) {
    const os::Fd file(::open(path, O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size())) << path;
  };
  put("/proc/self/setgroups", "deny");
  put("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
  put("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
}

ForeignServer::ForeignServer(const std::string& path, uint64_t size, uint32_t uid, bool serves) : path_(path) {
  shared_ = static_cast<Shared*>(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  auto connection = service::make_connection({uid, uid, false, false, "foreign"});
  EXPECT_TRUE(connection.ok()) << std::strerror(connection.failure().error);
  if (!connection.ok()) return;
  const os::Fd target(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  EXPECT_TRUE(os::attach_mount(connection->mount.get(), target.get()).ok());
  device_ = std::move(connection->device);
  if (serves) thread_ = std::thread([this, size] { serve(size); });
}

ForeignServer::ForeignServer(const std::string& path, MadeByService) : path_(path) {
  shared_ = static_cast<Shared*>(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const wire::ForeignHello hello{wire::kForeignMagic, wire::kForeignVersion, wire::kForeignMake, 0};
  EXPECT_EQ(connect({reinterpret_cast<const uint8_t*>(&hello), sizeof(hello)}, {}), core::Reason::kNone);
  device_ = std::move(made_device_);
  if (!device_) return;
  const os::Fd target(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  EXPECT_TRUE(os::attach_mount(made_mount_.get(), target.get()).ok()) << std::strerror(errno);
  thread_ = std::thread([this] { serve(8); });
  EXPECT_TRUE(eventually(3000, [&] { return shared_->begun.load(); })) << "INIT";
}

ForeignServer::~ForeignServer() {
  hang_up();
  end();
  ::munmap(shared_, sizeof(Shared));
}

void ForeignServer::end() {
  shared_->ended = true;
  if (thread_.joinable()) thread_.join();
  device_.reset();
  ::umount2(path_.c_str(), MNT_DETACH);
}

void ForeignServer::serve(uint64_t size) {
  std::vector<char> buffer(wire::kFuseBufferBytes);
  while (!shared_->ended) {
    struct pollfd waiting {device_.get(), POLLIN, 0};
    ::poll(&waiting, 1, 20);
    const ssize_t length = ::read(device_.get(), buffer.data(), buffer.size() - 1);
    if (length < 0 && errno == ENODEV) return;
    if (length < static_cast<ssize_t>(sizeof(wire::FuseInHeader))) continue;
    buffer[static_cast<size_t>(length)] = 0;
    wire::FuseInHeader request;
    std::memcpy(&request, buffer.data(), sizeof(request));
    if (shared_->silent && request.pid != static_cast<uint32_t>(::getpid())) continue;
    const int device = device_.get();
    struct {
      uint64_t valid;
      uint32_t valid_nsec, dummy;
      wire::FuseAttr attr;
    } attr{};
    wire::FuseEntryOut entry{};
    wire::FuseOpenOut open{};
    switch (request.opcode) {
      case kForget:
      case kBatchForget:
        break;
      case kInit: {
        const auto init = wire::decode_init({reinterpret_cast<const uint8_t*>(buffer.data()), static_cast<size_t>(length)});
        EXPECT_TRUE(init.ok());
        if (!init.ok()) return;
        const auto answer = wire::encode_init_reply(*init, false);
        (void)!::write(device, answer.data(), answer.size());
        shared_->begun = true;
        break;
      }
      case kLookup: {
        const std::string_view name = buffer.data() + sizeof(request);
        entry.nodeid = name == "file" ? kFileNode : name == "device" ? kDeviceNode : name == "program" ? kProgramNode : 0;
        if (entry.nodeid == 0) {
          reply(device, request.unique, ENOENT);
          break;
        }
        entry.attr = attributes_of(entry.nodeid, size);
        reply(device, request.unique, 0, &entry, sizeof(entry));
        break;
      }
      case kGetattr:
        attr.attr = attributes_of(request.nodeid, size);
        reply(device, request.unique, 0, &attr, sizeof(attr));
        break;
      case kOpen:
        open.backing_id = shared_->backing_id;
        open.open_flags = open.backing_id != 0 ? wire::kFopenPassthrough : 0;
        [[fallthrough]];
      case kOpendir:
        reply(device, request.unique, 0, &open, sizeof(open));
        break;
      case kRead:
        ++shared_->reads;
        reply(device, request.unique, 0);
        break;
      case kWrite:
        ++shared_->writes;
        reply(device, request.unique, EIO);
        break;
      case kRelease:
      case kReleasedir:
      case kFlush:
        reply(device, request.unique, 0);
        break;
      default:
        reply(device, request.unique, ENOSYS);
    }
  }
}

core::Reason ForeignServer::connect(int device) {
  const wire::ForeignHello hello{wire::kForeignMagic, wire::kForeignVersion, 0, 0};
  return connect({reinterpret_cast<const uint8_t*>(&hello), sizeof(hello)}, {device < 0 ? device_.get() : device});
}

core::Reason ForeignServer::connect(std::span<const uint8_t> hello, const std::vector<int>& fds) {
  const os::Fd socket = adversary::connected();
  if (!socket || !send_raw(socket.get(), hello, fds)) return core::Reason::kSystem;
  (void)os::set_timeout(socket.get(), 5000);
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(socket.get(), buffer, 4);
  if (!message.ok()) return message.failure().reason;
  const auto answer = wire::decode_reply({buffer.data(), message->length});
  if (!answer.ok()) return answer.failure().reason;
  if (answer->reason != core::Reason::kNone) {
    EXPECT_TRUE(message->fds.empty());
    return answer->reason;
  }
  EXPECT_EQ(message->fds.size(), fds.empty() ? 4u : 2u);
  if (message->fds.size() == 4) made_device_ = std::move(message->fds[2]), made_mount_ = std::move(message->fds[3]);
  for (size_t i = 0; i < 2 && i < message->fds.size(); ++i) channels_[i] = std::move(message->fds[i]);
  most_grants_ = answer->count;
  name_ = answer->text;
  return core::Reason::kNone;
}

wire::BackingReply ForeignServer::grant(int channel, int file) {
  const wire::BackingRequest request{wire::BackingOp::kOpen, 0};
  wire::BackingReply answer{EPIPE, 0, 0, 0};
  const bool sent = send_raw(channels_[channel].get(), {reinterpret_cast<const uint8_t*>(&request), sizeof(request)}, {file});
  if (sent && ::recv(channels_[channel].get(), &answer, sizeof(answer), 0) != sizeof(answer)) answer.error = EPIPE;
  return answer;
}

wire::BackingReply ForeignServer::close(int backing_id, int channel) {
  const wire::BackingRequest request{wire::BackingOp::kClose, backing_id};
  wire::BackingReply answer{EPIPE, 0, 0, 0};
  const bool sent = send_raw(channels_[channel].get(), {reinterpret_cast<const uint8_t*>(&request), sizeof(request)});
  if (sent && ::recv(channels_[channel].get(), &answer, sizeof(answer), 0) != sizeof(answer)) answer.error = EPIPE;
  return answer;
}

int ForeignServer::use(const std::function<int()>& body) {
  auto* result = static_cast<std::atomic<int>*>(
      ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  *result = -1000;
  Program user([&] {
    // Nor the channels: a server that is killed has a broker as long as somebody has them, and that the connection, for
    // whose answer this process may then wait.
    hang_up();
    device_.reset();
    *result = body();
  });
  EXPECT_TRUE(user.ended(5000));
  const int value = *result;
  ::munmap(result, sizeof(int));
  return value;
}

}  // namespace sluice::adversary
