// The device /dev/fuse itself: reading and polling it.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <vector>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

// Reads of the device without a request to read: EAGAIN where the buffer would do.
std::string ReadWith(const View& view, size_t size) {
  std::vector<char> buffer(size);
  Must(Sys(fcntl(view.dev(), F_SETFL, O_NONBLOCK)), "nonblocking");
  return Err(Sys(read(view.dev(), buffer.data(), size)));
}

// Fact 25: reading /dev/fuse needs a buffer of at least 8 KiB ...
KERNEL_TEST(Connection, ReadNeedsABufferOf8KiB) {
  View view({.max_write = 4096});
  view.KillServer();
  EXPECT_EQ(ReadWith(view, kMinReadBuffer - 1), "EINVAL");
  EXPECT_EQ(ReadWith(view, kMinReadBuffer), "EAGAIN");
}

// Not in the list: ... and of a whole WRITE request where max_write is larger.
KERNEL_TEST(Connection, ReadNeedsABufferForTheNegotiatedMaxWrite) {
  constexpr uint32_t kMaxWrite = 65536;
  View view({.max_write = kMaxWrite});
  view.KillServer();
  const size_t whole = kMaxWrite + sizeof(InHeader) + sizeof(ReadIn);  // WRITE's has ReadIn's size
  EXPECT_EQ(ReadWith(view, whole - 1), "EINVAL");
  EXPECT_EQ(ReadWith(view, whole), "EAGAIN");
}

short Poll(int fd) {
  pollfd ready = {fd, POLLIN, 0};
  return poll(&ready, 1, 0) < 0 ? short{-1} : ready.revents;
}

// Fact 26: polling a mounted /dev/fuse wakes on every request; one that is not mounted, or aborted,
// polls as error.
KERNEL_TEST(Connection, PollWakesOnRequestsAndErrsWhenUnmountedOrAborted) {
  View view;
  EXPECT_EQ(Poll(OpenFuseDevice().get()), POLLERR) << "not mounted";
  view.KillServer();
  EXPECT_EQ(Poll(view.dev()), 0);
  Child child([&] { return TryOpen(view.Path("file"), O_RDONLY); });
  EXPECT_TRUE(Eventually([&] { return Poll(view.dev()) == POLLIN; }));
  ASSERT_EQ(Err(view.Abort()), "OK");
  EXPECT_EQ(Poll(view.dev()), POLLERR);
}

}  // namespace
}  // namespace kerneltest
