#include "mute_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "os/mount.h"
#include "service/connection.h"
#include "wire/fuse.h"

namespace sluice::adversary {
namespace {

constexpr uint32_t kLookup = 1, kForget = 2, kGetattr = 3, kOpen = 14, kRelease = 18, kFlush = 25,
                   kOpendir = 27, kReleasedir = 29, kBatchForget = 42;
constexpr uint64_t kFileNode = 2;

wire::FuseAttr attributes_of(uint64_t node) {
  wire::FuseAttr attr{};
  attr.ino = node;
  attr.nlink = 1;
  attr.mode = node == kFileNode ? S_IFREG | 0666 : S_IFDIR | 0777;
  return attr;
}

void reply(int device, uint64_t unique, int error, const void* body = nullptr, size_t size = 0) {
  wire::FuseOutHeader header{static_cast<uint32_t>(sizeof(header) + size), -error, unique};
  struct iovec parts[] = {{&header, sizeof(header)}, {const_cast<void*>(body), size}};
  (void)!::writev(device, parts, 2);
}

void answer(int device, const wire::FuseInHeader& request, const char* name) {
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
      return;
    case kLookup:
      if (std::strcmp(name, "file") != 0) return reply(device, request.unique, ENOENT);
      entry.nodeid = kFileNode;
      entry.attr = attributes_of(kFileNode);
      return reply(device, request.unique, 0, &entry, sizeof(entry));
    case kGetattr:
      attr.attr = attributes_of(request.nodeid);
      return reply(device, request.unique, 0, &attr, sizeof(attr));
    case kOpen:
    case kOpendir:
      return reply(device, request.unique, 0, &open, sizeof(open));
    case kRelease:
    case kReleasedir:
    case kFlush:
      return reply(device, request.unique, 0);
    default:
      return reply(device, request.unique, EIO);
  }
}

void serve(const std::string& path, std::atomic<bool>* silent, std::atomic<bool>* ready) {
  auto connection = service::make_connection({0, 0, true, false, "mute"});
  const os::Fd target(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!connection.ok() || !os::attach_mount(connection->mount.get(), target.get()).ok()) return;
  connection->mount.reset();
  *ready = true;
  std::vector<char> buffer(wire::kFuseBufferBytes);
  for (;;) {
    struct pollfd waiting {connection->device.get(), POLLIN, 0};
    ::poll(&waiting, 1, -1);
    const ssize_t length = ::read(connection->device.get(), buffer.data(), buffer.size() - 1);
    if (length < 0 && errno == ENODEV) return;
    if (length < static_cast<ssize_t>(sizeof(wire::FuseInHeader)) || *silent) continue;
    buffer[static_cast<size_t>(length)] = 0;
    wire::FuseInHeader request;
    std::memcpy(&request, buffer.data(), sizeof(request));
    answer(connection->device.get(), request, buffer.data() + sizeof(request));
  }
}

}  // namespace

MuteServer::MuteServer(const std::string& path) : path_(path) {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  silent_ = new (page) std::atomic<bool>[2]{};
  ready_ = silent_ + 1;
  EXPECT_EQ(::mkdir(path_.c_str(), 0755), 0);
  server_ = std::make_unique<Program>([this] { serve(path_, silent_, ready_); });
  EXPECT_TRUE(eventually(5000, [&] { return ready_->load(); })) << "no FUSE filesystem at " << path_;
}

MuteServer::~MuteServer() {
  server_.reset();  // its connection ends, and who waited for it is free
  ::umount2(path_.c_str(), MNT_DETACH);
  ::munmap(silent_, 4096);
}

}  // namespace sluice::adversary
