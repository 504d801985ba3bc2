#include "raw_fuse.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "contained.h"

namespace kerneltest {
namespace {

constexpr size_t kMaxNodes = 16;
constexpr char kContent[] = "from the server";

void Set(int fs, const char* key, const std::string& value) {
  Must(Sys(fsconfig(fs, FSCONFIG_SET_STRING, key, value.c_str(), 0)),
       std::string("fsconfig ") + key);
}

void SetFlag(int fs, const char* key) {
  Must(Sys(fsconfig(fs, FSCONFIG_SET_FLAG, key, nullptr, 0)), std::string("fsconfig ") + key);
}

}  // namespace

struct View::Shared {
  std::array<std::atomic<uint32_t>, kOpcodes> seen;
  std::array<std::atomic<int32_t>, kOpcodes> answer;
  std::array<std::atomic<uint64_t>, kOpcodes> unique;
  std::array<char, 64> last_xattr;
  std::atomic<size_t> count;
  std::array<Node, kMaxNodes> nodes;  // index = nodeid - 1
};

void Request::Reply(const void* data, size_t size) const {
  OutHeader out = {static_cast<uint32_t>(sizeof(OutHeader) + size), 0, header->unique};
  const iovec parts[2] = {{&out, sizeof(out)}, {const_cast<void*>(data), size}};
  // Fails where the request is gone, which is no concern of the server.
  if (writev(dev, parts, 2) < 0 && errno == EINVAL) fprintf(stderr, "a reply was refused\n");
}

void Request::Fail(int error) const {
  const OutHeader out = {sizeof(OutHeader), -error, header->unique};
  if (write(dev, &out, sizeof(out)) < 0 && errno == EINVAL)
    fprintf(stderr, "a reply was refused\n");
}

View::View(const Options& options) : options_(options) {
  Need(access(options_.device.c_str(), R_OK | W_OK) == 0, options_.device);
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Must(memory == MAP_FAILED ? -errno : 0, "mmap");
  shared_ = new (memory) Shared{};
  Add("", S_IFDIR | 0755);
  Mount();
  AnswerInit();
  StartServer();
  if (!options_.attach) return;
  static int count = 0;
  point_ = WorkDir() + "/view" + std::to_string(++count);
  Must(Sys(mkdir(point_.c_str(), 0755)), "mkdir " + point_);
  Must(Sys(move_mount(mount_.get(), "", AT_FDCWD, point_.c_str(), MOVE_MOUNT_F_EMPTY_PATH)),
       "move_mount");
}

View::~View() {
  // Abort first: after that nothing waits for the server any more.
  if (!point_.empty()) umount2(point_.c_str(), MNT_FORCE | MNT_DETACH);
  if (minor_ != 0) Abort();  // mount_ is open, so the number is still that of this connection
  KillServer();
  dev_.Close();
  mount_.Close();
  ForgetConnection(minor_);
  munmap(shared_, sizeof(Shared));
}

void View::Mount() {
  dev_ = OpenFuseDevice(options_.device);
  const Fd fs(Must(Sys(fsopen("fuse", FSOPEN_CLOEXEC)), "fsopen fuse"));
  Set(fs.get(), "source", "sluice-kernel-test");
  Set(fs.get(), "fd", std::to_string(dev_.get()));
  Set(fs.get(), "rootmode", "40000");
  Set(fs.get(), "user_id", std::to_string(options_.user));
  Set(fs.get(), "group_id", std::to_string(options_.user));
  if (options_.default_permissions) SetFlag(fs.get(), "default_permissions");
  if (options_.allow_other) SetFlag(fs.get(), "allow_other");
  Must(Sys(fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0)), "fsconfig create");
  mount_ = Fd(Must(Sys(fsmount(fs.get(), FSMOUNT_CLOEXEC, options_.mount_attrs)), "fsmount"));
  struct statx attributes = {};  // without asking the server, which does not run yet
  Must(Sys(statx(mount_.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &attributes)), "statx");
  minor_ = attributes.stx_dev_minor;
  RememberConnection(minor_);
}

void View::AnswerInit() {
  pollfd ready = {dev_.get(), POLLIN, 0};
  std::array<char, kMinReadBuffer> buffer;
  Must(poll(&ready, 1, kSoonMs) == 1 ? 0 : -ETIME, "waiting for INIT");
  Must(Sys(read(dev_.get(), buffer.data(), buffer.size())), "reading INIT");
  InHeader header;
  InitIn in;
  memcpy(&header, buffer.data(), sizeof(header));
  memcpy(&in, buffer.data() + sizeof(header), sizeof(in));
  offered_ = in.flags | (in.flags & kInitExt ? uint64_t{in.flags2} << 32 : 0);

  InitOut out = {};
  const uint64_t flags = options_.init | kInitExt;
  out.major = 7;
  out.minor = std::min(in.minor, 46U);
  out.max_readahead = in.max_readahead;
  out.flags = static_cast<uint32_t>(flags);
  out.flags2 = static_cast<uint32_t>(flags >> 32);
  out.max_write = options_.max_write;
  out.time_gran = 1;
  out.request_timeout = options_.request_timeout;
  out.max_stack_depth = options_.stack_depth;
  Request{dev_.get(), &header, nullptr}.Reply(out);
  const uint64_t missing = options_.init & ~offered_;
  std::ostringstream name;
  name << "the FUSE INIT flags " << std::hex << missing;
  Need(missing == 0, name.str());
}

std::string View::Path(const std::string& name) const {
  return name.empty() ? point_ : point_ + "/" + name;
}

Node& View::Add(const std::string& name, mode_t mode, uint64_t parent) {
  const size_t index = shared_->count;
  if (index >= kMaxNodes || name.size() >= sizeof(Node::name)) throw std::length_error("Add");
  Node& node = shared_->nodes[index];
  memcpy(node.name, name.c_str(), name.size() + 1);
  node.id = index + 1;
  node.parent = parent;
  node.valid_s = 1000;
  node.attr.ino = node.id + 100;
  node.attr.mode = (mode & S_IFMT) != 0 ? mode : S_IFREG | mode;
  node.attr.nlink = S_ISDIR(mode) ? 2 : 1;
  node.attr.size = S_ISDIR(mode) ? 4096 : sizeof(kContent) - 1;
  node.attr.blksize = 4096;
  ++shared_->count;
  return node;
}

Node& View::root() { return shared_->nodes[0]; }

void View::Pass(Node& node, long backing_id) const {
  node.backing_id = static_cast<int32_t>(Must(backing_id, "BACKING_OPEN"));
  node.open_flags = kOpenPassthrough;
}

long View::Grant(int fd) const {
  BackingMap map = {fd, 0, 0};
  return Sys(ioctl(dev_.get(), kIocBackingOpen, &map));
}

long View::Revoke(long backing_id) const {
  uint32_t id = static_cast<uint32_t>(backing_id);
  return Sys(ioctl(dev_.get(), kIocBackingClose, &id));
}

uint32_t View::Seen(Opcode opcode) const { return shared_->seen[opcode]; }
void View::Answer(Opcode opcode, int32_t error) { shared_->answer[opcode] = error; }
uint64_t View::LastUnique(Opcode opcode) const { return shared_->unique[opcode]; }
std::string View::LastXattr() const { return shared_->last_xattr.data(); }

long View::Notify(int32_t code, const void* data, size_t size) const {
  OutHeader out = {static_cast<uint32_t>(sizeof(OutHeader) + size), code, 0};
  const iovec parts[2] = {{&out, sizeof(out)}, {const_cast<void*>(data), size}};
  return Sys(writev(dev_.get(), parts, 2));
}

long View::Invalidate(const Node& node) const {
  const InvalInodeOut out = {node.id, 0, 0};
  return Notify(kNotifyInvalInode, &out, sizeof(out));
}

void View::StartServer() {
  server_ = static_cast<pid_t>(Must(Sys(fork()), "fork"));
  if (server_ != 0) return;
  DieWithParent();
  // Only this connection: a copy of any other fd of the test would falsify what tests measure.
  const int dev = fcntl(dev_.get(), F_DUPFD, 1000);
  if (dup2(dev, 3) != 3 || close_range(4, ~0U, 0) < 0) _exit(1);
  try {
    if (options_.server != nullptr) Become(*options_.server);
  } catch (const std::exception& error) {
    fprintf(stderr, "in the FUSE server: %s\n", error.what());
    _exit(1);
  }
  Serve(3);
  _exit(0);
}

void View::KillServer() {
  if (server_ <= 0) return;
  kill(server_, SIGKILL);  // not reaped yet, so the number is still its own
  waitpid(server_, nullptr, 0);
  server_ = -1;
}

long View::Abort() const { return AbortConnection(minor_); }
void View::CloseDev() { dev_.Close(); }

void View::CloseMount() {
  // Nothing of the test's pins the number from here on: an abort could hit another connection that
  // has got it meanwhile (fact 15).
  ForgetConnection(minor_);
  minor_ = 0;
  mount_.Close();
}

void View::Serve(int dev) {
  std::vector<char> buffer(options_.max_write + 8192);
  for (;;) {
    const ssize_t size = read(dev, buffer.data(), buffer.size());
    if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
    if (size < static_cast<ssize_t>(sizeof(InHeader))) return;
    InHeader header;
    memcpy(&header, buffer.data(), sizeof(header));
    Dispatch({dev, &header, buffer.data() + sizeof(header)});
  }
}

void View::Dispatch(const Request& request) {
  const uint32_t opcode = request.header->opcode;
  if (opcode >= kOpcodes) return request.Fail(ENOSYS);
  shared_->unique[opcode] = request.header->unique;
  ++shared_->seen[opcode];
  const int32_t answer = shared_->answer[opcode];
  if (answer == kNever || opcode == kForget || opcode == kBatchForget || opcode == kInterrupt)
    return;
  if (answer != 0) return request.Fail(answer);
  const auto handler = options_.handlers.find(opcode);
  if (handler != options_.handlers.end()) return handler->second(request);
  AnswerUsually(request);
}

void View::AnswerUsually(const Request& request) {
  const uint64_t id = request.header->nodeid;
  const char* const body = static_cast<const char*>(request.body);
  if (id == 0 || id > shared_->count) return request.Fail(ENOENT);
  Node& node = shared_->nodes[id - 1];
  switch (request.header->opcode) {
    case kLookup:
      for (size_t i = 1; i < shared_->count; ++i) {
        const Node& found = shared_->nodes[i];
        if (found.parent != id || strcmp(found.name, body) != 0) continue;
        return request.Reply(EntryOut{found.id, 0, found.valid_s, found.valid_s, 0, 0, found.attr});
      }
      return request.Fail(ENOENT);
    case kSetattr: {
      SetattrIn in;
      memcpy(&in, body, sizeof(in));
      if (in.valid & kSetSize) node.attr.size = in.size;
      if (in.valid & kSetMode) node.attr.mode = (node.attr.mode & S_IFMT) | (in.mode & 07777);
      [[fallthrough]];
    }
    case kGetattr:
      return request.Reply(AttrOut{node.valid_s, 0, 0, node.attr});
    case kOpen:
      return request.Reply(OpenOut{1, node.open_flags, node.backing_id});
    case kOpendir:
      return request.Reply(OpenOut{});
    case kRead: {
      ReadIn in;
      memcpy(&in, body, sizeof(in));
      const uint64_t start = std::min<uint64_t>(in.offset, sizeof(kContent) - 1);
      return request.Reply(kContent + start,
                           std::min<uint64_t>(in.size, sizeof(kContent) - 1 - start));
    }
    case kWrite: {
      ReadIn in;  // the same layout
      memcpy(&in, body, sizeof(in));
      return request.Reply(WriteOut{in.size, 0});
    }
    case kStatfs:
      return request.Reply(StatfsOut{});
    case kGetxattr: {
      const char* name = body + sizeof(GetxattrOut);
      snprintf(shared_->last_xattr.data(), shared_->last_xattr.size(), "%s", name);
      return request.Fail(ENODATA);
    }
    case kListxattr:
      return request.Reply(GetxattrOut{});
    case kGetlk:
      return request.Reply(LockOut{0, 0, F_UNLCK, 0});
    case kLseek:
      return request.Reply(LseekOut{42});
    case kCopyFileRange:
    case kCopyFileRange64:
      return request.Reply(WriteOut{1, 0});
    case kReaddir:
    case kReleasedir:
    case kRelease:
    case kFsync:
    case kFlush:
    case kFallocate:
    case kSetxattr:
    case kRemovexattr:
    case kSetlk:
    case kSetlkw:
    case kAccess:
    case kDestroy:
      return request.Reply(nullptr, 0);
    default:
      return request.Fail(ENOSYS);
  }
}

Fd OpenFuseDevice(const std::string& device) {
  const long fd = Sys(open(device.c_str(), O_RDWR | O_CLOEXEC));
  Need(fd >= 0, device + " (" + Err(fd) + ")");
  struct stat type = {};
  const bool known = fstat(static_cast<int>(fd), &type) == 0 && S_ISCHR(type.st_mode);
  Fd owned(fd);
  Need(known, device + " (is no device)");
  return owned;
}

long ConnectionInFdinfo(int fd) {
  std::istringstream fields(ReadFile("/proc/self/fdinfo/" + std::to_string(fd)));
  for (std::string word; fields >> word;) {
    long number = 0;
    if (word == "fuse_connection:" && fields >> number) return number;
  }
  return -ENOENT;
}

}  // namespace kerneltest
