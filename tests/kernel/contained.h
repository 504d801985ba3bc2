// How a contract test runs: in a forked child with a process group of its own and a deadline, so
// that a kernel that behaves differently from the fact can hang the child but not the machine. A
// guard between the test binary and the child ends what the test left, in the order that works:
// first the connections, then the processes. It does so too when the test binary is killed.
//
// Each number in the comments of the tests is one of the design's list of kernel facts. A failing
// test says: this kernel differs from the ones the design was made on, in exactly this.
//
// Facts, or parts of facts, without a test:
//   5   that CAP_SYS_RESOURCE would ignore quotas: needs a filesystem made with quotas.
//   4, 13  the costs (microseconds per open and per ioctl, bytes per grant): tests/bench.
//   13  that no memcg counts grants: needs a cgroup, which would outlive a test that dies.
//   11  the fall of the write speed: tests/bench. What causes it, a request per write, is tested.
//   18  that a hung request ends: the kernel looks every 15 s. The offer of a timeout is tested.
//   25  that libfuse 3.14 serves such a connection: tests/integration. The buffer size is tested.
//   26  what systemd does with such an fd: only poll's side of it is tested.
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace kerneltest {

// Thrown by Need, caught in one place by the child that runs the test.
struct Missing : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The test needs `what`: without it the test is skipped, by name, and with SLUICE_REQUIRE_ALL=1 in
// the environment it fails.
void Need(bool met, const std::string& what);
void NeedUserNamespaces();  // for unprivileged processes
void NeedKernel(int major, int minor, const std::string& what);

// The directory of the running test, on a disk filesystem, for everybody to search. Whatever gets
// mounted below it is unmounted after the test, and the directory is removed.
const std::string& WorkDir();

// A tmpfs of the test's own, mounted on first use below WorkDir.
const std::string& TmpfsDir();

// A copy of the device node /dev/fuse that everybody may open, in the tmpfs.
const std::string& FuseNodeForAll();

// A connection to abort if the test does not come to its end; forgotten again when it is gone.
void RememberConnection(unsigned minor);
void ForgetConnection(unsigned minor);

// Aborts a connection by its number, through a fusectl mount of the test's own: zero, or -errno.
long AbortConnection(unsigned minor);

// What KERNEL_TEST wraps around the body.
void RunContained(void (*body)());

}  // namespace kerneltest

#define KERNEL_TEST(suite, name)                                          \
  static void suite##_##name##_Body();                                    \
  TEST(suite, name) { kerneltest::RunContained(&suite##_##name##_Body); } \
  static void suite##_##name##_Body()
