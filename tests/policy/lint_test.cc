// What the compiler demands of authors beyond the grammar.
#include <gtest/gtest.h>

#include "sandbox/compiler/builder.h"
#include "sandbox/compiler/calls.h"
#include "sandbox/compiler/meaning.h"
#include "text_policy.h"

namespace sluice::sandbox {
namespace {

std::string lines(const std::string& text) { return messages_of("default kill\n" + text); }

TEST(Lint, DangerousCallsSayWhy) {
  const char* const calls[] = {"openat",
                               "ioctl",
                               "mmap",
                               "mprotect",
                               "clone",
                               "clone3",
                               "execve",
                               "execveat",
                               "ptrace",
                               "process_vm_readv",
                               "process_vm_writev",
                               "io_uring_setup",
                               "io_uring_enter",
                               "io_uring_register",
                               "socket",
                               "connect",
                               "sendmsg",
                               "recvmsg",
                               "bpf",
                               "memfd_create",
                               "prctl",
                               "kill",
                               "tgkill",
                               "mount",
                               "umount2",
                               "move_mount",
                               "fsopen",
                               "setuid",
                               "setresgid",
                               "fchmodat2",
                               "fchownat",
                               "mknodat",
                               "linkat",
                               "renameat2",
                               "unlinkat",
                               "copy_file_range",
                               "userfaultfd",
                               "pidfd_getfd",
                               "unshare",
                               "setns",
                               "dup",
                               "fcntl"};
  for (const std::string call : calls) {
    const std::string message = "t.policy:2:1: '" + call +
                                "' is dangerous: say why in a comment directly above this line\n";
    EXPECT_EQ(lines(call + "\n"), message);
    EXPECT_EQ(lines("# because\n" + call + "\n"), "");
  }
}

TEST(Lint, TheReasonStandsDirectlyAbove) {
  const std::string text = " is dangerous: say why in a comment directly above this line\n";
  EXPECT_EQ(lines("# because\n\nmmap\n"), "t.policy:4:1: 'mmap'" + text);
  EXPECT_EQ(lines("# because\ngetpid\nmmap\n"), "t.policy:4:1: 'mmap'" + text);
  EXPECT_EQ(lines("#\nmmap\n"), "t.policy:3:1: 'mmap'" + text);
  // One comment does not cover a second way to make the call.
  EXPECT_EQ(lines("# because\nioctl when arg1 == 1\nioctl when arg1 == 2\n"),
            "t.policy:4:1: 'ioctl'" + text);
}

TEST(Lint, BarePathsNeverPass) {
  for (const std::string call :
       {"open",       "creat",    "stat",      "lstat",      "access", "chmod",  "chown",
        "lchown",     "rename",   "mkdir",     "rmdir",      "link",   "unlink", "symlink",
        "readlink",   "mknod",    "truncate",  "utimes",     "statfs", "chdir",  "chroot",
        "pivot_root", "getxattr", "lsetxattr", "removexattr"}) {
    EXPECT_EQ(lines("# because\n" + call + "\n"),
              "t.policy:3:1: '" + call + "' takes a path and no directory fd: it never passes\n");
  }
}

TEST(Lint, ExtraFilesMayHaveBarePathsAndWiden) {
  const std::string base = "default kill\ngetpid\n# because\nmmap when arg2 == 0\n";
  const auto check = [&](const std::string& extra) {
    return messages_of(base, {{"x.policy", "default kill\n" + extra}}, {"x.policy"});
  };
  EXPECT_EQ(check("# reports\nreadlink\n# arenas\nmmap\n"), "");
  EXPECT_EQ(check("readlink\n"),
            "x.policy:2:1: 'readlink' is dangerous: say why in a comment directly above this "
            "line\n");
}

TEST(Lint, Openat2SaysWhatBoundsIt) {
  const std::string message =
      "'openat2' needs 'landlock: ...' in its reason, saying what bounds it\n";
  EXPECT_EQ(lines("# files\nopenat2\n"), "t.policy:3:1: " + message);
  EXPECT_EQ(lines("# files. landlock:  \nopenat2\n"), "t.policy:3:1: " + message);
  EXPECT_EQ(lines("# files. landlock: the root only\nopenat2\n"), "");
  EXPECT_EQ(lines("# files.\n# landlock: the root only\nopenat2\n"), "");
}

TEST(Lint, LinesSaySomethingNew) {
  EXPECT_EQ(lines("read when arg0 == 3\nread when arg0 == 0x3\n"),
            "t.policy:3:1: says the same as t.policy:2\n");
  EXPECT_EQ(lines("read\nread when arg0 == 3\n"),
            "t.policy:3:1: is pointless: no condition at t.policy:2\n");
  EXPECT_EQ(lines("read when arg0 == 3\nread\n"),
            "t.policy:3:1: makes the conditions pointless at t.policy:2\n");
}

TEST(Lint, RangesStayAffordable) {
  EXPECT_EQ(lines("getpriority when arg0 >= 1 and arg1 >= 1\n"),
            "t.policy:2:1: the ranges multiply to more than 128 comparisons\n");
}

TEST(Extra, WidensTheProgram) {
  Diagnostics diagnostics;
  const Policy policy =
      policy_of("default kill\n# a\nmmap when arg2 & 4 == 0\ngetpid\n", diagnostics,
                {{"x.policy", "default kill\n# b\nmmap\ngettid\n"}}, {"x.policy"});
  ASSERT_TRUE(diagnostics.empty());
  std::string error;
  const auto program = build_program(policy, error);
  ASSERT_EQ(error, "");
  EXPECT_EQ(first_difference(policy, program), "");
  EXPECT_EQ(bpf_evaluate(program, {9, kArchX86_64, 0, {0, 0, 7}}).action, kActionAllow);
  EXPECT_EQ(bpf_evaluate(program, {186, kArchX86_64, 0, {}}).action, kActionAllow);
  EXPECT_EQ(bpf_evaluate(program, {102, kArchX86_64, 0, {}}).action, kActionKillProcess);
}

}  // namespace
}  // namespace sluice::sandbox
