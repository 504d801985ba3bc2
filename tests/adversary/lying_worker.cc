#include "lying_worker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "os/channel.h"
#include "os/mount.h"
#include "os/poller.h"
#include "wire/fuse.h"
#include "wire/broker_request_writer.h"

namespace sluice::adversary {
namespace {

enum : uint32_t { kLookup = 1, kForget = 2, kGetattr = 3, kOpen = 14, kRead = 15, kBatchForget = 42 };

template <typename Body>
void reply(int device, const wire::FuseInHeader& header, const Body& body) {
  uint8_t message[sizeof(wire::FuseOutHeader) + sizeof(body)];
  const wire::FuseOutHeader out{sizeof(message), 0, header.unique};
  std::memcpy(message, &out, sizeof(out));
  std::memcpy(message + sizeof(out), &body, sizeof(body));
  (void)os::write_message(device, message);
}

void mount_at(const HostileWorker& worker, const std::string& point) {
  if (::mkdir(point.c_str(), 0755) != 0) std::abort();
  const os::Fd target(::open(point.c_str(), O_PATH | O_CLOEXEC));
  if (!os::attach_mount(worker.connection().mount.get(), target.get()).ok()) std::abort();
}

}  // namespace

void LyingWorker::serve_until(pid_t client) {
  uint8_t buffer[wire::kFuseBufferBytes];
  siginfo_t ended{};
  while (::waitid(P_PID, static_cast<id_t>(client), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0) {
    const auto readable = os::wait_readable(device_, 10);
    if (!readable.ok() || !*readable) continue;
    const auto length = os::read_message(device_, buffer);
    if (length.ok()) answer(buffer);
  }
}

void LyingWorker::answer(const uint8_t* message) {
  wire::FuseInHeader header;
  std::memcpy(&header, message, sizeof(header));
  wire::FuseAttr attributes{};
  attributes.ino = header.nodeid == 1 && header.opcode != kLookup ? 1 : 2;
  attributes.mode = attributes.ino == 1 ? S_IFDIR | 0755 : S_IFREG | 0666;
  attributes.nlink = 1;
  attributes.uid = attributes.gid = kUser;
  attributes.size = backing_id_ > 0 ? 5 : uint64_t{1} << 62;
  if (header.opcode == kLookup) {
    wire::FuseEntryOut entry{};
    entry.nodeid = 2;
    entry.entry_valid = entry.attr_valid = 10;
    entry.attr = attributes;
    reply(device_, header, entry);
  } else if (header.opcode == kGetattr) {
    struct {
      uint64_t valid;
      uint32_t valid_nsec, padding;
      wire::FuseAttr attributes;
    } out{10, 0, 0, attributes};
    reply(device_, header, out);
  } else if (header.opcode == kOpen) {
    constexpr uint32_t kDirect = 1;  // each read comes here as it was made
    const uint32_t way = backing_id_ > 0 ? wire::kFopenPassthrough : kDirect;
    reply(device_, header, wire::FuseOpenOut{1, way | wire::kFopenNoFlush, backing_id_});
  } else if (header.opcode == kRead) {
    struct {
      uint64_t handle;
      int64_t offset;
      uint32_t size;
    } in;
    std::memcpy(&in, message + sizeof(header), sizeof(in));
    wire::BrokerRequest request{};
    request.op = wire::BrokerOp::kReadWindow;
    request.grant = grant_;
    request.grant2 = header.unique;
    request.offset = in.offset;
    request.length = in.size;
    std::vector<uint8_t> bytes(sizeof(request));
    (void)wire::encode_request(request, {}, {}, bytes);
    EXPECT_TRUE(worker_.send(HostileWorker::kData, bytes));
  } else if (header.opcode != kForget && header.opcode != kBatchForget) {
    const wire::FuseOutHeader out{sizeof(out), -ENOSYS, header.unique};
    (void)os::write_message(device_, {reinterpret_cast<const uint8_t*>(&out), sizeof(out)});
  }
}

bool writes_through(HostileWorker& worker, int backing_id, const std::string& point) {
  mount_at(worker, point);
  const pid_t client = ::fork();
  if (client == 0) {
    if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) ::_exit(3);
    // With the file that it may read, so that it is the writing which fails.
    const int reading = ::open((point + "/file").c_str(), O_RDONLY);
    char byte;
    if (reading < 0 || ::pread(reading, &byte, 1, 0) != 1) ::_exit(2);
    const int fd = ::open((point + "/file").c_str(), O_RDWR);
    ::_exit(fd >= 0 && ::pwrite(fd, "WRONG", 5, 0) == 5 ? 0 : 1);
  }
  siginfo_t ended{};
  LyingWorker(worker, backing_id).serve_until(client);
  if (::waitid(P_PID, static_cast<id_t>(client), &ended, WEXITED) != 0) std::abort();
  EXPECT_EQ(ended.si_code, CLD_EXITED);
  EXPECT_LE(ended.si_status, 1) << "it could not even read";
  EXPECT_EQ(::umount2(point.c_str(), MNT_DETACH), 0);
  return ended.si_status == 0;
}

std::string reads_of_a_part(HostileWorker& worker, uint64_t grant, const std::vector<int64_t>& offsets,
                            const std::string& point) {
  mount_at(worker, point);
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) std::abort();
  const os::Fd results(pipe[0]);
  os::Fd told(pipe[1]);
  const pid_t client = ::fork();
  if (client == 0) {
    if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) ::_exit(3);
    const int fd = ::open((point + "/file").c_str(), O_RDONLY);
    std::string all;
    for (const int64_t offset : offsets) {
      char bytes[64];
      const ssize_t count = ::pread(fd, bytes, sizeof(bytes), offset);
      all += count < 0 ? "failed" : std::string(bytes, static_cast<size_t>(count));
      all += '|';
    }
    ::_exit(::write(told.get(), all.data(), all.size()) == static_cast<ssize_t>(all.size()) ? 0 : 1);
  }
  told.reset();
  LyingWorker(worker, 0, grant).serve_until(client);
  siginfo_t ended{};
  if (::waitid(P_PID, static_cast<id_t>(client), &ended, WEXITED) != 0) std::abort();
  EXPECT_EQ(::umount2(point.c_str(), MNT_DETACH), 0);
  char text[1024];
  const ssize_t length = ::read(results.get(), text, sizeof(text));
  return {text, length < 0 ? 0 : static_cast<size_t>(length)};
}

}  // namespace sluice::adversary
