#include "running_service.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sstream>

#include "core/compiler.h"
#include "core/reason_text.h"
#include "os/mount.h"

namespace sluice::adversary {
namespace {

constexpr int kQuietLooks = 20;  // a few milliseconds apart, at which nothing has changed

}  // namespace

os::Fd connected() {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, kSocket);
  os::Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof(address)) < 0) fd.reset();
  return fd;
}

bool send_raw(int socket, std::span<const uint8_t> bytes, const std::vector<int>& fds) {
  struct iovec piece {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
}

Heard hear(int socket, int milliseconds) {
  Heard heard;
  struct pollfd waiting {socket, POLLIN, 0};
  if (::poll(&waiting, 1, milliseconds) <= 0) {
    heard.nothing = true;
    return heard;
  }
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  struct iovec piece {buffer.data(), buffer.size()};
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t length = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  // Hung up on with something of ours unread; what was said before is there all the same.
  if (length < 0 && errno == ECONNRESET) length = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (length <= 0) {
    heard.closed = true;
    return heard;
  }
  if (const struct cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr && part->cmsg_type == SCM_RIGHTS) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(part), sizeof(fd));
    heard.mount = os::Fd(fd);
  }
  const auto reply = wire::decode_reply({buffer.data(), static_cast<size_t>(length)});
  EXPECT_TRUE(reply.ok()) << "a reply that cannot be read";
  if (reply.ok()) {
    heard.reason = reply->reason;
    heard.name = reply->text;
  }
  return heard;
}

wire::Hello view_hello(uint32_t uid, const std::vector<std::string_view>& rules) {
  wire::Hello hello;
  hello.kind = wire::HelloKind::kMount;
  hello.named_identity = true;
  hello.uid = hello.gid = uid;
  hello.tied = true;
  hello.source = "/source";
  hello.rules = std::get<core::Rules>(core::compile(rules));
  return hello;
}

Heard ask(const wire::Hello& hello, const std::vector<int>& fds, os::Fd* connection) {
  os::Fd socket = connected();
  Heard heard;
  heard.closed = true;
  if (!socket || !send_raw(socket.get(), wire::encode_hello(hello), fds)) return heard;
  heard = hear(socket.get());
  if (connection != nullptr) *connection = std::move(socket);
  return heard;
}

std::string make_source(const std::string& name, uint32_t owner) {
  const std::string path = work_dir() + "/" + name;
  EXPECT_EQ(::mkdir(path.c_str(), 0755), 0) << path;
  EXPECT_EQ(::chown(path.c_str(), owner, owner), 0);
  write_all(path + "/file", "content\n", owner);
  return path;
}

RunningService::RunningService(const std::vector<std::string>& options, const Body& before) {
  std::vector<std::string> argv = {kSluiced, "--listen", kSocket, "--mode", "0666"};
  argv.insert(argv.end(), options.begin(), options.end());
  program_ = std::make_unique<Program>(argv, work_dir() + "/service.log", before);
  struct stat socket;
  // The mode comes last.
  EXPECT_TRUE(eventually(5000, [&] {
    return (::stat(kSocket, &socket) == 0 && (socket.st_mode & 07777) == 0666) || program_->ended(0);
  }) && program_->status() < 0) << "the service does not listen: " << log();
}

pid_t RunningService::maker() const {
  for (const Found& process : processes()) {
    if (process.parent == pid() && process.name == "sluiced-maker") return process.pid;
  }
  return -1;
}

void RunningService::expect_serves_others(const std::string& when) {
  static const std::string source = make_source("source-of-the-victim", kVictim);
  int64_t best = 1 << 30;
  std::string said;
  for (int attempt = 0; attempt < 3 && best > 1000; ++attempt) {
    const auto from = std::chrono::steady_clock::now();
    std::string* what = &said;
    *what = "";
    const bool served = in_process(kVictim, 10, [&] {
      const os::Fd fd(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      os::Fd connection;
      const Heard heard = ask(view_hello(kVictim), {fd.get()}, &connection);
      char content[16] = {};
      const os::Fd file(::openat(heard.mount.get(), "file", O_RDONLY | O_CLOEXEC));
      const bool read = ::read(file.get(), content, sizeof(content)) == 8;
      EXPECT_TRUE(read) << when << ": another user's view: " << core::reason_name(heard.reason)
                        << (heard.closed ? ", hung up" : "") << (heard.nothing ? ", silence" : "");
    });
    if (!served) return;
    best = std::min<int64_t>(best, std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::steady_clock::now() - from).count());
  }
  EXPECT_LE(best, 1000) << when << ": another user waits for a view, ms";
}

// What must be as before: who is there, and the descriptors of those who stay.
std::string RunningService::state() const {
  std::ostringstream text;
  for (const Found& process : processes()) {
    const bool service = process.parent == pid() || process.pid == pid() ||
                         process.name.rfind("sluice", 0) == 0 || process.state == 'Z';
    if (service) text << process.name << (process.state == 'Z' ? " (zombie)" : "") << "; ";
  }
  text << descriptors_of(pid()) << " and " << descriptors_of(maker()) << " descriptors; ";
  const std::string mounts = read_all("/proc/self/mountinfo");
  size_t views = 0;
  for (size_t at = 0; (at = mounts.find(" fuse.sluice ", at)) != std::string::npos; ++at) ++views;
  text << views << " views mounted";
  return text.str();
}

void RunningService::note() {
  expect_serves_others("before");
  // Settled: what it just served has gone, and nothing has changed for a while, since the service
  // closes what it had of a process only after that one's end.
  std::string last;
  int quiet = 0;
  EXPECT_TRUE(eventually(5000, [&] {
    const std::string now = state();
    quiet = now == last ? quiet + 1 : 0;
    last = now;
    return quiet >= kQuietLooks && last.find("sluice-") == std::string::npos && last.find("zombie") == std::string::npos &&
           last.find("sluiced-maker") == last.rfind("sluiced");
  })) << last;
  noted_ = last;
}

void RunningService::expect_as_noted(const std::string& after, int milliseconds) {
  ASSERT_FALSE(program_->ended(0)) << after << ": the service has ended: " << log();
  expect_serves_others("after " + after);
  (void)eventually(milliseconds, [&] { return state() == noted_; });
  EXPECT_EQ(state(), noted_) << "after " << after;
}

View::View(const std::string& source, uint32_t uid, const std::vector<std::string_view>& rules,
           bool read_only, uint32_t coherence_milliseconds, const std::string& name)
    : path_(work_dir() + "/" + name) {
  const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  wire::Hello hello = view_hello(uid, rules);
  hello.read_only = read_only;
  hello.coherence_milliseconds = coherence_milliseconds;
  const Heard heard = ask(hello, {directory.get()}, &connection_);
  reason_ = heard.reason;
  EXPECT_EQ(core::reason_name(heard.reason), "none");
  ::mkdir(path_.c_str(), 0755);
  const os::Fd target(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  EXPECT_TRUE(os::attach_mount(heard.mount.get(), target.get()).ok()) << "attach the view";
}

View::~View() {
  ::umount2(path_.c_str(), MNT_DETACH);
  ::rmdir(path_.c_str());
}

}  // namespace sluice::adversary
