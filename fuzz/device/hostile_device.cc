// The kernel's side of a FUSE connection under a worker that was taken over: replies and
// notifications that are wrong in every way, on a live connection as the service makes it, while
// clients use the mount.
//
//   hostile_device [SECONDS [SEED]]      as root; ends by itself, and leaves nothing
//
// What is looked for is the kernel's: a line in its log that speaks of a bug, a warning or a fault
// is a finding, and so is a client or a server that does not end once the connection is aborted.
// Kernels have had holes here (src/cli/kernel_holes.h). CVE-2026-31694, a listing that is cached
// with a name of 4,095 bytes, writes past a page of the kernel: to try it is to damage the machine.
// So no name is longer than 255 bytes in any listing, and none is ever cached (FOPEN_CACHE_DIR).
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "os/backing.h"
#include "os/fuse_device.h"
#include "os/mount.h"
#include "wire/init.h"

using namespace sluice;

namespace {

constexpr int kSkippedStatus = 77;
constexpr uid_t kClient = 65534;
constexpr size_t kMostNameBytes = 255;
constexpr uint32_t kFopenCacheDirectory = 1u << 3;
constexpr int kBackings = 3;
constexpr unsigned kConnectionMicroseconds = 100'000;

using Bytes = std::vector<uint8_t>;
using Random = std::mt19937;

struct Counts {
  std::atomic<uint64_t> requests, replies, mutated, refused, notices, refused_notices;
};

void ends_with_parent() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == 1) ::_exit(1);
}

uint32_t below(Random& random, uint32_t limit) { return static_cast<uint32_t>(random()) % limit; }

template <typename T>
void put(Bytes& bytes, const T& value) {
  const auto* at = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), at, at + sizeof(value));
}
void put_text(Bytes& bytes, std::string_view text) {
  bytes.insert(bytes.end(), text.begin(), text.end());
}

// ---- The server in the worker's place ----

class Server {
 public:
  Server(int device, unsigned seed, Counts& counts)
      : device_(device), random_(seed), counts_(counts) {}

  void run() {
    Bytes buffer(wire::kFuseBufferBytes);
    for (;;) {
      struct pollfd ready {
        device_, POLLIN, 0
      };
      (void)::poll(&ready, 1, -1);
      const ssize_t length = ::read(device_, buffer.data(), buffer.size());
      if (length < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
      if (length < static_cast<ssize_t>(sizeof(wire::FuseInHeader))) return;
      ++counts_.requests;
      serve({buffer.data(), static_cast<size_t>(length)});
    }
  }

  // What nobody asked for.
  void tell() {
    static constexpr int32_t kCodes[] = {1, 2, 2, 3, 3, 4, 5, 6, 7, 8};
    Bytes body;
    const int32_t code = kCodes[below(random_, std::size(kCodes))];
    const uint64_t node = any_node();
    const std::string name(below(random_, 4) == 0 ? 1 + below(random_, 300) : 1,
                           static_cast<char>('a' + below(random_, 6)));
    switch (code) {
      case 2:
        put(body, node), put(body, any_offset()), put(body, any_offset());
        break;
      case 3:
        put(body, node), put(body, static_cast<uint32_t>(name.size())),
            put(body, below(random_, 3)), put_text(body, name), body.push_back(0);
        break;
      case 4:
        put(body, node), put(body, any_offset()), put(body, uint32_t{16}), put(body, uint32_t{0}),
            put_text(body, "stored by force!");
        break;
      case 5:
        put(body, uint64_t{77}), put(body, node), put(body, any_offset()),
            put(body, below(random_, 65536)), put(body, uint32_t{0});
        break;
      case 6:
        put(body, node), put(body, any_node()), put(body, static_cast<uint32_t>(name.size())),
            put(body, uint32_t{0}), put_text(body, name), body.push_back(0);
        break;
      default:
        break;
    }
    mutate(body);
    ++counts_.notices;
    if (!send(body, below(random_, 16) == 0 ? static_cast<int32_t>(below(random_, 12)) : code, 0))
      ++counts_.refused_notices;
  }

 private:
  uint64_t any_node() { return below(random_, 16) == 0 ? random_() : 1 + below(random_, 12); }
  int64_t any_offset() {
    static constexpr int64_t kOffsets[] = {0, -1, 1, 4095, 4096, 1 << 20, INT64_MAX, INT64_MIN};
    return kOffsets[below(random_, std::size(kOffsets))];
  }

  wire::FuseAttr attr_of(uint64_t node) {
    static constexpr uint32_t kTypes[] = {S_IFREG, S_IFDIR, S_IFREG, S_IFLNK,
                                          S_IFREG, S_IFDIR, S_IFIFO, S_IFSOCK};
    wire::FuseAttr attr{};
    attr.ino = node;
    attr.mode = (node == 1 ? S_IFDIR : kTypes[node % std::size(kTypes)]) | 0777;
    if (node != 1 && below(random_, 64) == 0) attr.mode = static_cast<uint32_t>(random_());
    attr.nlink = 1;
    attr.uid = attr.gid = kClient;
    attr.size = node != 1 && below(random_, 8) == 0 ? static_cast<uint64_t>(any_offset()) : 4096;
    attr.blksize = 4096;
    return attr;
  }
  wire::FuseEntryOut entry_of(uint64_t node) {
    return {node, below(random_, 2), below(random_, 3), below(random_, 3), 0, 0, attr_of(node)};
  }
  wire::FuseOpenOut open_out() {
    wire::FuseOpenOut out{below(random_, 4), 0, 0};
    out.open_flags = static_cast<uint32_t>(random_()) & 0xff;
    if (below(random_, 2) == 0) out.open_flags = wire::kFopenPassthrough | wire::kFopenNoFlush;
    out.backing_id = static_cast<int32_t>(below(random_, kBackings + 2));
    if (below(random_, 16) == 0) out.backing_id = static_cast<int32_t>(random_());
    return out;
  }

  void serve(std::span<const uint8_t> message) {
    wire::FuseInHeader header;
    std::memcpy(&header, message.data(), sizeof(header));
    if (header.opcode == 2 || header.opcode == 42 || header.opcode == 36) return;
    Bytes body;
    int32_t error = 0;
    bool opens_directory = false, lists = false, plus = false;
    switch (header.opcode) {
      case 1:
      case 6:
      case 8:
      case 9:
      case 13:  // what gives an entry
        put(body, entry_of(2 + below(random_, 10)));
        if (below(random_, 6) == 0) error = -ENOENT, body.clear();
        break;
      case 3:
      case 4:
        put(body, uint64_t{below(random_, 2)}), put(body, uint64_t{0}),
            put(body, attr_of(header.nodeid));
        break;
      case 5:
        put_text(body, below(random_, 2) == 0 ? "b" : std::string(below(random_, 5000), 'l'));
        break;
      case 14:
        put(body, open_out());
        break;
      case 27:
        put(body, open_out()), opens_directory = true;
        break;
      case 15:
        body.assign(below(random_, 9000), 'r');
        break;
      case 16:
      case 47:
        put(body, uint64_t{below(random_, 9000)});
        break;
      case 17:
        body.assign(80, static_cast<uint8_t>(random_()));
        break;
      case 22:
      case 23:
        body.assign(below(random_, 300), 'x');
        break;
      case 28:
      case 44:
        lists = true, plus = header.opcode == 44, body = listing(plus);
        break;
      case 35:
      case 51:
        put(body, entry_of(2 + below(random_, 10))), put(body, open_out());
        break;
      case 46:
        put(body, any_offset());
        break;
      default:
        if (below(random_, 4) == 0) error = -static_cast<int32_t>(below(random_, 140));
    }
    ++counts_.replies;
    // The kernel gives up a file whose type changes. Of the root that would be the end of it.
    const bool of_root = body.size() == 16 + sizeof(wire::FuseAttr) && header.nodeid == 1;
    if (!of_root && below(random_, 3) != 0) {
      ++counts_.mutated;
      mutate(body);
      if (below(random_, 16) == 0) error = -static_cast<int32_t>(below(random_, 600));
      if (below(random_, 64) == 0) error = static_cast<int32_t>(random_());
    }
    if (opens_directory && body.size() >= sizeof(wire::FuseOpenOut)) {
      uint32_t flags;
      std::memcpy(&flags, body.data() + 8, sizeof(flags));
      flags &= ~kFopenCacheDirectory;
      std::memcpy(body.data() + 8, &flags, sizeof(flags));
    }
    if (lists) shorten_names(body, plus);
    const uint64_t unique = below(random_, 64) == 0 ? random_() : header.unique;
    if (send(body, error, unique)) {
      if (unique == header.unique) return;
    } else {
      ++counts_.refused;
    }
    // It is still waiting: a plain error, so that the clients come on.
    if (below(random_, 32) != 0) (void)send({}, -EIO, header.unique);
  }

  Bytes listing(bool plus) {
    Bytes body;
    for (uint32_t count = below(random_, 6); count > 0; --count) {
      const uint64_t node = 2 + below(random_, 10);
      if (plus) put(body, entry_of(node));
      const std::string name(below(random_, 8) == 0 ? below(random_, kMostNameBytes + 1) : 1,
                             static_cast<char>('a' + below(random_, 6)));
      put(body, node), put(body, uint64_t{count}), put(body, static_cast<uint32_t>(name.size())),
          put(body, below(random_, 16));
      put_text(body, name);
      while (body.size() % 8 != 0) body.push_back(0);
    }
    return body;
  }

  // As the kernel walks it: no name that it can find there is longer than 255 bytes.
  static void shorten_names(Bytes& body, bool plus) {
    const size_t before = plus ? sizeof(wire::FuseEntryOut) : 0;
    for (size_t at = 0; at + before + 24 <= body.size();) {
      uint32_t length;
      std::memcpy(&length, body.data() + at + before + 16, sizeof(length));
      if (length > kMostNameBytes) {
        length %= kMostNameBytes + 1;
        std::memcpy(body.data() + at + before + 16, &length, sizeof(length));
      }
      at += (before + 24 + length + 7) / 8 * 8;
    }
  }

  void mutate(Bytes& body) {
    switch (below(random_, 6)) {
      case 0:
        body.resize(below(random_, static_cast<uint32_t>(body.size()) + 1));
        break;
      case 1:
        body.resize(body.size() + below(random_, 64), static_cast<uint8_t>(random_()));
        break;
      case 2: {
        static constexpr uint64_t kEdges[] = {0,          1,          ~0ull, 1ull << 63,
                                              0x7fffffff, 0xffffffff, 4096};
        if (body.size() < 8) break;
        const uint64_t value = kEdges[below(random_, std::size(kEdges))];
        std::memcpy(body.data() + below(random_, static_cast<uint32_t>(body.size()) / 8) * 8,
                    &value, sizeof(value));
        break;
      }
      default:
        for (uint32_t count = below(random_, 4); count > 0 && !body.empty(); --count) {
          body[below(random_, static_cast<uint32_t>(body.size()))] =
              static_cast<uint8_t>(random_());
        }
    }
  }

  bool send(const Bytes& body, int32_t error, uint64_t unique) {
    Bytes message;
    uint32_t length = static_cast<uint32_t>(sizeof(wire::FuseOutHeader) + body.size());
    const uint32_t said = below(random_, 64) == 0 ? static_cast<uint32_t>(random_()) : length;
    put(message, wire::FuseOutHeader{said, error, unique});
    message.insert(message.end(), body.begin(), body.end());
    return ::write(device_, message.data(), message.size()) >= 0;
  }

  const int device_;
  Random random_;
  Counts& counts_;
};

// ---- Clients ----

// Beneath the mount, through no link: nothing that the server says leads elsewhere.
int open_beneath(int root, const std::string& path, int flags) {
  struct open_how how {};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
  how.mode = (flags & O_CREAT) != 0 ? 0600 : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  return static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how)));
}

[[noreturn]] void use(const std::string& mountpoint, unsigned seed) {
  ends_with_parent();
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kClient, kClient, kClient) != 0 ||
      ::setresuid(kClient, kClient, kClient) != 0)
    ::_exit(1);
  Random random(seed);
  const int root = ::open(mountpoint.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  static char buffer[16384];
  for (;;) {
    std::string path(1, static_cast<char>('a' + below(random, 6)));
    while (below(random, 3) == 0)
      path += std::string("/") + static_cast<char>('a' + below(random, 6));
    const std::string name(1, static_cast<char>('a' + below(random, 6))),
        other(1, static_cast<char>('a' + below(random, 6)));
    static constexpr int kFlags[] = {
        O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_TRUNC, O_RDONLY | O_DIRECTORY,
        O_PATH};
    const int fd = open_beneath(root, path, kFlags[below(random, std::size(kFlags))]);
    if (fd >= 0) {
      (void)!::read(fd, buffer, sizeof(buffer));
      (void)!::pwrite(fd, buffer, below(random, 5000), below(random, 9000));
      (void)::lseek(fd, 1, SEEK_HOLE);
      (void)::syscall(SYS_getdents64, fd, buffer, sizeof(buffer));
      (void)::fsync(fd);
      (void)!::ftruncate(fd, below(random, 5000));
      (void)!::fallocate(fd, 0, 0, below(random, 5000));
      (void)::fgetxattr(fd, "user.x", buffer, 100);
      (void)::flistxattr(fd, buffer, below(random, 2) * 1000);
      struct statfs filesystem;
      (void)::fstatfs(fd, &filesystem);
      ::close(fd);
    }
    struct stat stat;
    (void)::fstatat(root, path.c_str(), &stat, AT_SYMLINK_NOFOLLOW);
    (void)!::readlinkat(root, path.c_str(), buffer, sizeof(buffer));
    (void)::mkdirat(root, name.c_str(), 0700);
    (void)!::symlinkat(other.c_str(), root, name.c_str());
    (void)!::linkat(root, name.c_str(), root, other.c_str(), 0);
    (void)!::renameat(root, name.c_str(), root, other.c_str());
    (void)::unlinkat(root, name.c_str(), below(random, 2) == 0 ? AT_REMOVEDIR : 0);
    const int list = open_beneath(root, ".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 4 && list >= 0; ++i)
      (void)::syscall(SYS_getdents64, list, buffer, sizeof(buffer));
    if (list >= 0) ::close(list);
  }
}

// ---- The kernel's log ----

class Log {
 public:
  Log() : fd_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (fd_ >= 0) ::lseek(fd_, 0, SEEK_END);
  }
  bool is_readable() const { return fd_ >= 0; }
  // Lines since the last look that speak of a fault.
  std::vector<std::string> faults() {
    static constexpr std::string_view kWords[] = {"BUG:",
                                                  "WARNING:",
                                                  "Oops",
                                                  "general protection",
                                                  "KASAN",
                                                  "UBSAN",
                                                  "use-after-free",
                                                  "refcount_t",
                                                  "list_add corruption",
                                                  "list_del corruption",
                                                  "stack segment",
                                                  "kernel NULL pointer",
                                                  "page allocation failure",
                                                  "hung_task",
                                                  "blocked for more than",
                                                  "soft lockup",
                                                  "RIP:"};
    std::vector<std::string> found;
    char line[8192];
    for (;;) {
      const ssize_t length = ::read(fd_, line, sizeof(line));
      if (length < 0 && errno == EPIPE) continue;  // lines were lost: the next are there
      if (length <= 0) return found;
      const std::string_view text(line, static_cast<size_t>(length));
      for (const auto word : kWords) {
        if (text.find(word) == std::string_view::npos) continue;
        found.emplace_back(text);
        break;
      }
    }
  }

 private:
  const int fd_;
};

// A directory with a filesystem of its own, gone at the end whatever comes between.
class Place {
 public:
  Place() {
    if (::mkdtemp(path_.data()) == nullptr) return;
    ::chmod(path_.c_str(), 0755);
    made_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "mode=755,size=64m") == 0;
  }
  ~Place() {
    for (const char* name : {"/mount", "/control", ""})
      (void)::umount2((path_ + name).c_str(), MNT_DETACH);
    (void)::rmdir(path_.c_str());
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool is_made() const { return made_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/sluice-device-XXXXXX";
  bool made_ = false;
};

enum class Outcome { kWell, kSkipped, kFailed };

// One connection: mounted, used and lied about for a moment, and aborted. The kernel gives up a
// root about which it was told too much, so a connection is not of use for long.
Outcome connect_once(const Place& place, unsigned seed, Counts& counts) {
  const std::string control = place.path() + "/control", mountpoint = place.path() + "/mount";
  auto device = os::open_fuse_device();
  auto mount = device.ok()
                   ? os::make_fuse_mount(device->get(), {kClient, kClient, false, false, "hostile"})
                   : device.failure();
  if (!mount.ok()) {
    std::fprintf(stderr, "hostile_device: no connection\n");
    return Outcome::kFailed;
  }
  const uint32_t connection = os::connection_of(mount->get());
  uint8_t message[wire::kFuseBufferLeast];
  struct pollfd ready {
    device->get(), POLLIN, 0
  };
  (void)::poll(&ready, 1, 1000);
  const ssize_t length = ::read(device->get(), message, sizeof(message));
  const auto init = wire::decode_init({message, length > 0 ? static_cast<size_t>(length) : 0});
  if (!init.ok()) {
    std::fprintf(stderr, "hostile_device: this kernel offers no passthrough\n");
    return Outcome::kSkipped;
  }
  const auto reply = wire::encode_init_reply(*init, false);
  (void)!::write(device->get(), reply.data(), reply.size());
  // What the broker would have granted.
  for (int i = 0; i < kBackings; ++i) {
    const os::Fd file(::open((place.path() + "/file" + std::to_string(i)).c_str(),
                             O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    (void)!::pwrite(file.get(), "granted contents", 16, 0);
    if (!os::backing_open(device->get(), file.get()).ok())
      std::fprintf(stderr, "hostile_device: no backing file\n");
  }
  constexpr unsigned kMoveMountEmptyPath = 4;
  if (::syscall(SYS_move_mount, mount->get(), "", AT_FDCWD, mountpoint.c_str(),
                kMoveMountEmptyPath) != 0)
    return Outcome::kFailed;

  std::array<pid_t, 5> children{};
  for (size_t i = 0; i < children.size(); ++i) {
    children[i] = ::fork();
    if (children[i] != 0) continue;
    const auto its = seed * 16 + static_cast<unsigned>(i);
    if (i >= 2) use(mountpoint, its);
    ends_with_parent();
    Server server(device->get(), its, counts);
    if (i == 0) server.run();
    // On its own, since the kernel may keep it waiting for a lock that a client holds.
    else
      for (;;) server.tell(), ::usleep(500);
    ::_exit(0);
  }
  ::usleep(kConnectionMicroseconds);
  // First the connection, then nobody waits for it any more.
  const os::Fd abort(::open((control + "/" + std::to_string(connection) + "/abort").c_str(),
                            O_WRONLY | O_CLOEXEC));
  const bool aborted = abort && ::write(abort.get(), "1", 1) == 1;
  if (!aborted) std::printf("the connection could not be aborted\n");
  for (const pid_t child : children) ::kill(child, SIGKILL);
  size_t ended = 0;
  for (int tries = 0; tries < 1000 && ended < children.size(); ++tries) {
    for (pid_t& child : children) {
      if (child > 0 && ::waitpid(child, nullptr, WNOHANG) == child) child = 0, ++ended;
    }
    ::usleep(5'000);
  }
  if (ended < children.size()) std::printf("%zu processes did not end\n", children.size() - ended);
  (void)::umount2(mountpoint.c_str(), MNT_DETACH);
  return aborted && ended == children.size() ? Outcome::kWell : Outcome::kFailed;
}

int run(int seconds, unsigned seed) {
  if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) {
    std::fprintf(stderr, "hostile_device: needs root and /dev/fuse\n");
    return kSkippedStatus;
  }
  Log log;
  if (!log.is_readable()) {
    std::fprintf(stderr, "hostile_device: the kernel's log cannot be read\n");
    return kSkippedStatus;
  }
  // Of this process alone: no mount is left, whatever happens.
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return 1;
  const Place place;
  for (const char* name : {"/control", "/mount"}) ::mkdir((place.path() + name).c_str(), 0755);
  if (!place.is_made() ||
      ::mount("fusectl", (place.path() + "/control").c_str(), "fusectl", 0, nullptr) != 0)
    return 1;
  auto& counts = *static_cast<Counts*>(
      ::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::vector<std::string> faults;
  unsigned connections = 0;
  auto outcome = Outcome::kWell;
  while (outcome == Outcome::kWell && faults.empty() && std::chrono::steady_clock::now() < until) {
    outcome = connect_once(place, seed + connections++, counts);
    faults = log.faults();
  }
  if (outcome == Outcome::kSkipped) return kSkippedStatus;
  std::printf(
      "seed %u, %d s, %u connections: %lu requests, %lu replies of which %lu were mutated and the "
      "kernel refused %lu; "
      "%lu notifications, refused %lu\n",
      seed, seconds, connections, counts.requests.load(), counts.replies.load(),
      counts.mutated.load(), counts.refused.load(), counts.notices.load(),
      counts.refused_notices.load());
  for (const std::string& line : faults) std::printf("the kernel says: %s", line.c_str());
  if (counts.mutated < 10) std::printf("hardly anything was tried\n");
  const bool well = faults.empty() && outcome == Outcome::kWell && counts.mutated >= 10;
  std::printf("%s\n", well ? "the kernel's log is quiet" : "FAILED");
  return well ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  const int seconds = count > 1 ? std::atoi(words[1]) : 5;
  const unsigned seed =
      count > 2 ? static_cast<unsigned>(std::atoi(words[2])) : static_cast<unsigned>(::getpid());
  return run(std::max(1, seconds), seed);
}
