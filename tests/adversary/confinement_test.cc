// What a worker under the attacker's control cannot do, whatever it calls.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <initializer_list>
#include <utility>

#include "../kernel/contained.h"
#include "../kernel/process.h"
#include "../kernel/sys.h"
#include "service_stage.h"

namespace sluice::adversary {
namespace {

using kerneltest::RunContained;

IN_EACH_MODE(TakenOverWorker);

// The kernel kills the worker for each of these calls, the service says so, and the view is gone.
void expect_killed(Mode mode, std::initializer_list<const char*> calls, bool read_only = false) {
  const Service service(mode);
  for (const std::string call : calls) {
    const AttackedView view(service, "call " + call, read_only);
    view.begin();
    EXPECT_TRUE(service.logs("event=confinement-violated view=\"" + view.name() +
                             "\" process=\"worker\" signal=\"31\""))
        << call << ": " << view.said();
    EXPECT_TRUE(view.ended()) << call;
    EXPECT_EQ(view.said(), "") << call;
  }
}

// No process is started, entered or looked into, and no identity is taken.
TEST_P(TakenOverWorker, ReachesNoProcess) {
  RunContained([] {
    expect_killed(GetParam(), {"fork", "clone-user", "clone3", "unshare", "setns", "execve", "execveat",
                   "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd",
                   "kill", "tgkill", "setresuid", "capset", "prctl", "seccomp", "rt_sigaction"});
  });
}

// No code but the program's own is run, in the process or in the kernel.
TEST_P(TakenOverWorker, MakesNoCode) {
  RunContained([] {
    expect_killed(GetParam(), {"mmap-exec", "mmap-file", "mmap-fixed", "mprotect-exec", "pkey_mprotect",
                   "memfd_create", "userfaultfd", "bpf", "perf_event_open", "keyctl",
                   "io_uring_setup", "io_uring_enter", "io_setup"});
  });
}

// It talks to nobody but the kernel and its broker, and hands no descriptor on.
TEST_P(TakenOverWorker, HasNoOtherChannel) {
  RunContained([] {
    expect_killed(GetParam(), {"socket", "socketpair", "connect", "sendmsg-device", "sendto", "recvmsg",
                   "pipe2", "write-log", "pwrite64"});
  });
}

// A reply to the kernel cannot name a descriptor: the worker has no ioctl, of any number.
TEST_P(TakenOverWorker, MakesNoIoctl) {
  RunContained([] {
    expect_killed(GetParam(), {"ioctl-backing-open", "ioctl-backing-close", "ioctl-clone", "ioctl-other",
                   "ioctl-terminal", "ioctl-all-bits"});
  });
}

// The connection ends with the process: there is no second descriptor of /dev/fuse.
TEST_P(TakenOverWorker, KeepsNoCopyOfTheDevice) {
  RunContained([] {
    expect_killed(GetParam(), {"dup-device", "dup2-device", "dup3-device", "fcntl-dup-device", "close-device",
                   "close-root", "close_range"});
  });
}

// What it is told of changes is names and that something was written, in single directories: it can neither
// hold up who opens a file nor see who reads it, and keeps nothing in memory.
TEST_P(TakenOverWorker, WatchesNothingElse) {
  RunContained([] {
    expect_killed(GetParam(), {"watch-group", "watch-opens", "watch-permission", "watch-file", "watch-pinned",
                   "watch-mount", "watch-filesystem", "watch-here", "watch-flush", "watch-inotify",
                   "watch-answer"});
  });
}

// No contents of a file, by any call that opens, reads, copies or mounts.
TEST_P(TakenOverWorker, OpensNoContents) {
  RunContained([] {
    expect_killed(GetParam(), {"open", "openat-contents", "openat-write", "openat-create", "openat-follow",
                   "openat-here", "openat2", "open_by_handle_at", "pread", "read-descriptor",
                   "sendfile", "splice", "copy_file_range", "truncate", "chroot", "mount",
                   "open_tree", "fsopen", "umount"});
  });
}

// Where it may make names: no device, and no name for a descriptor or behind a link.
TEST_P(TakenOverWorker, MakesNoDevice) {
  RunContained([] {
    expect_killed(
        GetParam(), {"mknod-device", "mknod-block", "rename-whiteout", "link-descriptor", "link-follow"});
  });
}

// By its name a file is hidden or not: it moves, links and removes none.
TEST_P(TakenOverWorker, MovesNoName) {
  RunContained([] { expect_killed(GetParam(), {"rename", "link", "symlink", "unlink", "rmdir"}); });
}

// In a read-only view it changes nothing, and copies no descriptor.
TEST_P(TakenOverWorker, ChangesNothingInAReadOnlyView) {
  RunContained([] {
    expect_killed(GetParam(), {"mknod-device", "rename-whiteout", "dup-device", "ioctl-backing-open"}, true);
  });
}

// The tree is its root: with the calls that it has, nothing outside is reached, no link is
// followed, and nothing that is not a directory is opened.
TEST_P(TakenOverWorker, FindsNoWayToContents) {
  RunContained([] {
    const Service service(GetParam());
    for (const bool read_only : {false, true}) {
      const AttackedView view(service, "contents", read_only);
      view.begin();
      ASSERT_TRUE(view.says("done")) << view.said();
      const std::string said = view.said();
      const auto expect = [&](const std::string& what, std::initializer_list<const char*> results) {
        bool found = false;
        for (const char* result : results) {
          found =
              found || ("\n" + said).find("\n" + what + "=" + result + "\n") != std::string::npos;
        }
        EXPECT_TRUE(found) << what << " in\n" << said;
      };
      expect("parent", {"0"});
      expect("above", {"ENOENT"});
      expect("absolute", {"ENOENT"});
      expect("proc", {"ENOENT"});
      expect("device", {"ENOENT"});
      expect("through-link", {"ELOOP"});
      expect("link-as-directory", {"ELOOP", "ENOTDIR"});
      expect("through-magic-link", {"ELOOP"});
      for (const char* file :
           {"file-as-directory", "file-with-slash", "fifo-as-directory", "reopen-dot"}) {
        expect(file, {"ENOTDIR"});
      }
      expect("list-name", {"EBADF"});
      expect("seek-name", {"EBADF"});
      expect("reopen-name", {"ENOENT"});
      expect("magic-of-name", {"ENOENT", "EINVAL"});
      expect("magic-of-directory", {"ENOENT", "EINVAL"});
      // What belongs to others is not its business, unless its view is of every owner's files.
      if (service.mode() == Mode::kIdentity) {
        expect("xattr-of-others", {"EACCES"});
        expect("xattr-of-held", {"EACCES", "EBADF"});
      }
      expect("trusted-xattr", {"ENODATA"});
    }
  });
}

// Each layer holds by itself: with a hole in the filter, Landlock, the empty capability set, the
// namespaces and the mount's flags are still there.
TEST_P(TakenOverWorker, HasLittleEvenWithoutItsFilter) {
  RunContained([] {
    const Service service(GetParam());
    for (const bool read_only : {false, true}) {
      const AttackedView view(service, "unfiltered", read_only);
      ASSERT_TRUE(view.says("tried")) << service.log();
      const std::string said = view.said();
      const char* const change = read_only ? "EROFS" : "EACCES";
      const char* const privileged = read_only ? "EROFS" : "EPERM";
      // To Landlock a whiteout, which it may make, is the same: then it is the capability that is not there.
      // In preserve mode it is root already, of a user namespace where that means nothing.
      const char* const root = service.mode() == Mode::kPreserve ? "0" : "EPERM";
      const std::pair<std::string, std::string> expected[] = {
          {"read-contents", "EACCES"}, {"create-and-write", change}, {"write-contents", change},
          {"backing-open", "EPERM"},   {"backing-close", "EPERM"},   {"device-again", "ENOENT"},
          {"read-others", "EACCES"},   {"become-root", root},        {"become-other", "EPERM"},
          {"take-groups", "EPERM"},    {"capset", "EPERM"},          {"mount", "EPERM"},
          {"trusted-xattr", privileged}, {"file-capability", privileged},
          {"remount", "EPERM"},        {"chroot", "EPERM"},
          {"mknod-device", privileged}, {"mknod-block", change},
          {"rename", change},          {"symlink", change},         {"unlink", change},
          {"rmdir", change},           {"link-to-elsewhere", read_only ? "EROFS" : "EXDEV"},
          {"watch-filesystem", "EPERM"}, {"watch-mount", "EPERM"}, {"watch-permission", "EINVAL"},
          {"exec", "EACCES"},          {"others-in-proc", "ENOENT"}, {"kill-service", "ESRCH"},
          {"trace-other", "ESRCH"},    {"network", "ENETUNREACH"}};
      for (const auto& [what, result] : expected) {
        EXPECT_NE(("\n" + said).find("\n" + what + "=" + result + "\n"), std::string::npos)
            << what << " is not " << result << " in\n"
            << said;
      }
    }
  });
}

// What it inherited of the service, the log, stays as it is, even where it is the viewer's own
// file.
TEST_P(TakenOverWorker, LeavesTheLogAlone) {
  RunContained([] {
    const Service service(GetParam());
    ASSERT_EQ(::chown(service.log_file().c_str(), kViewer, kViewer), 0);
    const AttackedView view(service, "inherited");
    view.begin();
    EXPECT_TRUE(view.ended(1000) || view.says("done")) << service.log();
    EXPECT_EQ(kerneltest::ModeOf(service.log_file()), 0644u) << view.said();
  });
}

// A worker that sends without end holds up its own view only: others are served and made.
TEST_P(TakenOverWorker, FloodsNobodyElse) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView other(service, "");
    const auto served = [&] {
      return kerneltest::As({kViewer},
                            [&] { return kerneltest::TryOpen(other.path("plain"), O_RDONLY); });
    };
    for (const char* order : {"flood log", "flood broker"}) {
      const AttackedView view(service, order);
      view.begin();
      EXPECT_TRUE(view.says("flood")) << order;
      EXPECT_EQ(served(), 0) << order;
      EXPECT_EQ(service.views().size(), 2u) << order;
      const AttackedView another(service, "");
      EXPECT_TRUE(another.made()) << order;
    }
    // The log of one view is bounded, whoever writes it: a second of flood, and a few lines about
    // it.
    EXPECT_LT(service.log().size(), 100'000u) << "a worker fills the log";
  });
}

}  // namespace
}  // namespace sluice::adversary
