// Where a view's processes are started (os/few_mounts.h): nothing of the host's is mounted there but what they are started from.
#include "os/few_mounts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include "hostile_worker.h"
#include "os/fd.h"

namespace sluice::adversary {
namespace {

os::Fd held(const std::string& path) { return os::Fd(::open(path.c_str(), O_PATH | O_CLOEXEC)); }

// What is mounted in the namespace and is none of this; -1: it cannot be looked at.
int others_in(int mounts) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!os::go_to_mounts(mounts).ok()) ::_exit(255);
    std::ifstream file("/proc/self/mountinfo");
    int others = 0, all = 0;
    for (std::string line; std::getline(file, line); ++all) {
      std::istringstream words(line);
      std::string id, parent, device, root, point;
      words >> id >> parent >> device >> root >> point;
      const bool ours = point == "/" || point == "/proc" || point == "/dev" || point == "/dev/fuse" || point == "/dev/null";
      if (!ours) ++others;
    }
    ::_exit(all >= 3 && ::access("/dev/fuse", F_OK) == 0 ? others : 254);
  }
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(FewMounts, HaveNothingElse) {
  const Tree tree;  // needs what the other attacks need
  const auto program = held(program_path("sluice-worker"));
  ASSERT_TRUE(program);
  const int programs[] = {program.get()};
  const auto made = os::few_mounts(programs);
  ASSERT_TRUE(made.ok()) << made.failure().error;
  EXPECT_EQ(others_in(made->get()), 0);
}

// Nor is anything of it shared with the host, where the host shares all of its own, as one that systemd has booted does.
TEST(FewMounts, AreNobodyElses) {
  const Tree tree;
  const auto program = held(program_path("sluice-worker"));
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) != 0) ::_exit(2);
    const int programs[] = {program.get()};
    const auto made = os::few_mounts(programs);
    if (!made.ok() || !os::go_to_mounts(made->get()).ok()) ::_exit(3);
    std::ifstream file("/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
      if (line.find(" shared:") != std::string::npos || line.find(" master:") != std::string::npos) ::_exit(4);
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Where a part of the system is a mount of its own, what is started would not come up.
TEST(FewMounts, AreNoneWhereAProgramDoesNotRun) {
  Tree tree;
  std::ifstream from(program_path("sluice-broker"), std::ios::binary);
  std::stringstream bytes;
  bytes << from.rdbuf();
  std::string text = bytes.str();
  const size_t loader = text.find("/lib64/ld-linux");
  ASSERT_NE(loader, std::string::npos);
  text[loader + 1] = 'L';  // nothing is there
  tree.write(tree.path("program"), text, 0755);
  const auto program = held(tree.path("program"));
  const int programs[] = {program.get()};
  const auto made = os::few_mounts(programs);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.failure().error, ENOENT);
}

}  // namespace
}  // namespace sluice::adversary
