#include "idle_server.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "os/socket.h"
#include "wire/backing_message.h"
#include "wire/control.h"
#include "wire/init.h"

namespace sluice::adversary {
namespace {

using core::Reason;

bool put(const char* path, const std::string& text) {
  const os::Fd file(::open(path, O_WRONLY | O_CLOEXEC));
  return ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// A device that everybody may open, as udev makes it, where the host's is root's.
bool make_device(const std::string& directory) {
  const std::string device = directory + "/fuse";
  return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", directory.c_str(), "tmpfs", 0, "mode=755") == 0 &&
         ::mknod(device.c_str(), S_IFCHR, makedev(10, 229)) == 0 && ::chmod(device.c_str(), 0666) == 0 &&
         ::mount(device.c_str(), "/dev/fuse", nullptr, MS_BIND, nullptr) == 0;
}

bool enter_own_namespaces(uint32_t uid, uint32_t group) {
  const gid_t groups[] = {uid, group};
  return ::setgroups(2, groups) == 0 && ::setresgid(uid, uid, uid) == 0 && ::setresuid(uid, uid, uid) == 0 &&
         ::prctl(PR_SET_DUMPABLE, 1) == 0 &&  // becoming another user took it
         ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put("/proc/self/setgroups", "deny") &&
         put("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") &&
         put("/proc/self/gid_map", "0 " + std::to_string(uid) + " 1");
}

// Mounted at the directory as "fuse.idle", with passthrough; it answers nothing later.
os::Fd mounted(const std::string& directory) {
  os::Fd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  const std::string options = "fd=" + std::to_string(device.get()) + ",rootmode=40000,user_id=0,group_id=0";
  if (::mount("idle", directory.c_str(), "fuse.idle", MS_NOSUID | MS_NODEV, options.c_str()) != 0) return os::Fd();
  std::vector<uint8_t> message(wire::kFuseBufferLeast);
  const ssize_t length = ::read(device.get(), message.data(), message.size());
  const auto init = wire::decode_init({message.data(), length < 0 ? 0 : static_cast<size_t>(length)});
  if (!init.ok()) return os::Fd();
  const auto reply = wire::encode_init_reply(*init, false);
  if (::write(device.get(), reply.data(), reply.size()) < 0) return os::Fd();
  return device;
}

Reason granted(int channel, const std::string& path) {
  const os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const int fd = file.get();
  const wire::BackingRequest request{wire::BackingOp::kOpen, 0};
  wire::BackingReply reply{};
  if (!os::send_message(channel, {reinterpret_cast<const uint8_t*>(&request), sizeof(request)}, {&fd, 1}).ok() ||
      ::read(channel, &reply, sizeof(reply)) != sizeof(reply)) {
    return Reason::kSystem;
  }
  return static_cast<Reason>(reply.reason);
}

// What the service says; the channels are kept until this process ends.
Reason ask(const std::string& socket, int device, std::vector<os::Fd>& channels) {
  const auto peer = os::connect_to(socket);
  if (!peer.ok() || !os::set_timeout(peer->get(), 5000).ok()) return Reason::kSystem;
  const wire::ForeignHello hello{wire::kForeignMagic, wire::kForeignVersion, 0, 0};
  if (!os::send_message(peer->get(), {reinterpret_cast<const uint8_t*>(&hello), sizeof(hello)}, {&device, 1}).ok()) {
    return Reason::kSystem;
  }
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(peer->get(), buffer, 2);
  if (!message.ok()) return message.failure().reason;
  const auto reply = wire::decode_reply({buffer.data(), message->length});
  if (!reply.ok()) return reply.failure().reason;
  channels = std::move(message->fds);
  return reply->reason;
}

}  // namespace

IdleServer::IdleServer(const std::string& socket, const std::string& directory, uint32_t uid, uint32_t group,
                       const std::string& file) {
  int stay[2], told[2];
  if (::pipe2(stay, O_CLOEXEC) != 0 || ::pipe2(told, O_CLOEXEC) != 0) {
    pid_ = -1;
    return;
  }
  stay_ = os::Fd(stay[1]);
  const os::Fd wait(stay[0]), answer(told[0]);
  os::Fd tell(told[1]);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    stay_.reset();
    auto reason = Reason::kSystem;
    std::vector<os::Fd> channels;
    os::Fd device, point;
    if (make_device(directory) && enter_own_namespaces(uid, group)) device = mounted(directory);
    if (device) reason = ask(socket, device.get(), channels);
    if (reason == Reason::kNone && channels.size() != 2) reason = Reason::kProtocol;
    if (reason == Reason::kNone && !file.empty()) reason = granted(channels[0].get(), file);
    if (reason == Reason::kNone) point = os::Fd(::open(directory.c_str(), O_PATH | O_CLOEXEC));
    (void)!::write(tell.get(), &reason, sizeof(reason));
    char nothing;
    (void)!::read(wait.get(), &nothing, 1);
    ::_exit(0);
  }
  tell.reset();
  if (::read(answer.get(), &reason_, sizeof(reason_)) != sizeof(reason_)) reason_ = Reason::kSystem;
}

IdleServer::~IdleServer() {
  if (pid_ <= 0) return;
  stay_.reset();
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace sluice::adversary
