// A file that was opened on the FUSE mount of a hostile server and whose fd was sent to somebody.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <functional>
#include <list>
#include <string>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

// A server that opens files and answers nothing else from then on.
struct Hostile {
  Hostile() {
    view.Add("file").valid_s = 0;
    file = Open(view.Path("file"), O_RDONLY);
    for (const Opcode opcode : {kGetattr, kFlush, kStatfs, kRead, kRelease, kLookup}) {
      view.Answer(opcode, kNever);
    }
  }
  View view;
  Fd file;
};

long Statx(int fd, int flags) {
  struct statx attributes = {};
  return Sys(statx(fd, "", AT_EMPTY_PATH | flags, STATX_BASIC_STATS, &attributes));
}

// Fact 23: a received fd of a hostile FUSE file can hang close, fstat, fstatfs and a syncing statx
// for ever, past SIGKILL.
KERNEL_TEST(Hostile, CloseAndStatHangPastSigkill) {
  Hostile hostile;
  const int fd = hostile.file.get();
  std::list<std::pair<std::string, Child>> children;
  const auto start = [&](const char* name, const std::function<long()>& call) {
    children.emplace_back(std::piecewise_construct, std::forward_as_tuple(name),
                          std::forward_as_tuple(call));
  };
  struct stat attributes = {};
  struct statfs filesystem = {};
  start("close", [&] { return Sys(close(fd)); });
  start("fstat", [&] { return Sys(fstat(fd, &attributes)); });
  start("fstatfs", [&] { return Sys(fstatfs(fd, &filesystem)); });
  start("statx", [&] { return Statx(fd, AT_STATX_FORCE_SYNC); });
  Sleep(kBlockedMs);
  for (const auto& [name, child] : children) {
    EXPECT_FALSE(child.Ended()) << name;
    child.Kill();
  }
  Sleep(kBlockedMs);
  for (const auto& [name, child] : children) EXPECT_FALSE(child.Ended()) << name << ", killed";
  ASSERT_EQ(Err(hostile.view.Abort()), "OK");
  for (const auto& [name, child] : children)
    EXPECT_TRUE(child.Ended(kSoonMs)) << name << ", aborted";
}

// Fact 23: safe on it: fcntl(F_GETFL), its fdinfo, statx with AT_EMPTY_PATH|AT_STATX_DONT_SYNC.
KERNEL_TEST(Hostile, GetflFdinfoAndUnsyncedStatxDoNotHang) {
  Hostile hostile;
  const int fd = hostile.file.get();
  // The close by _exit would hang too, so each child tells that it came through and sleeps.
  const auto comes_through = [&](const std::function<void()>& call) {
    const Child child([&]() -> long {
      call();
      return SayReadyAndSleep();
    });
    const bool through = child.Ready();
    hostile.view.Answer(kFlush, 0);  // lets it end
    child.Kill();
    EXPECT_TRUE(child.Ended(kSoonMs));
    hostile.view.Answer(kFlush, kNever);
    return through;
  };
  EXPECT_TRUE(comes_through([&] { Must(Sys(fcntl(fd, F_GETFL)), "F_GETFL"); }));
  EXPECT_TRUE(comes_through([&] { ReadFile("/proc/self/fdinfo/" + std::to_string(fd)); }));
  EXPECT_TRUE(comes_through([&] { Must(Statx(fd, AT_STATX_DONT_SYNC), "statx"); }));
  ASSERT_EQ(Err(hostile.view.Abort()), "OK");
}

}  // namespace
}  // namespace kerneltest
