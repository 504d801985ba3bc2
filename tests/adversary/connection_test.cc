// What a worker under the attacker's control can tell the kernel, and what comes of it.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <climits>

#include "../kernel/contained.h"
#include "../kernel/process.h"
#include "../kernel/sys.h"
#include "service_stage.h"

namespace sluice::adversary {
namespace {

using kerneltest::As;
using kerneltest::Child;
using kerneltest::RunContained;
using kerneltest::Sys;
using kerneltest::TryOpen;

IN_EACH_MODE(TakenOverConnection);

long as_viewer(const std::function<long()>& body) { return As({kViewer}, body); }

// ids, in replies to OPEN, that were never granted to this connection.
TEST_P(TakenOverConnection, BackingIdsThatWereNotGranted) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView other(service, "");
    // A grant of another connection, held for the time of the test: its id is 1.
    Child holder([&] {
      kerneltest::Become({kViewer});
      const kerneltest::Fd file = kerneltest::Open(other.path("plain"), O_RDWR);
      return kerneltest::SayReadyAndSleep();
    });
    ASSERT_TRUE(holder.Ready());
    const AttackedView view(service, "serve honest");
    for (const long id : {0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 63L, 1023L, 65536L, -1L, -2L,
                          long{INT_MAX}, long{INT_MIN}, -long{INT_MAX}}) {
      for (const int flags : {O_RDONLY, O_RDWR}) {
        EXPECT_EQ(
            as_viewer([&] { return TryOpen(view.path("open-" + std::to_string(id)), flags); }),
            -EIO)
            << id;
      }
    }
    // The reply itself is right: with a granted id it opens the file.
    EXPECT_EQ(
        as_viewer([&] { return kerneltest::ReadFile(view.path("plain")) == "plain" ? 1L : 0L; }),
        1);
  });
}

// A file that it opens without a grant is its own invention: the tree has neither its name nor what
// is written to it.
TEST_P(TakenOverConnection, ContentsWithoutAGrant) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve honest");
    EXPECT_EQ(
        as_viewer([&] { return kerneltest::ReadFile(view.path("file")) == "lies!" ? 0L : -1L; }),
        0);
    as_viewer([&] {
      const kerneltest::Fd file = kerneltest::Open(view.path("file"), O_WRONLY);
      return kerneltest::WriteAt(file.get(), "new");
    });
    EXPECT_EQ(kerneltest::ReadFile(view.source() + "/plain"), "plain");
    EXPECT_NE(::access((view.source() + "/file").c_str(), F_OK), 0);
  });
}

// The kernel takes what lies within the protocol, and nothing else: replies to nobody, second ones,
// wrong lengths, notifications of every code and size. INIT is answered once, by the service.
TEST_P(TakenOverConnection, MessagesOutsideTheProtocol) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve honest");
    const auto exists = [&](const char* name) {
      return as_viewer([&] { return Sys(::access(view.path(name).c_str(), F_OK)); });
    };
    EXPECT_EQ(exists("plain"), 0);
    EXPECT_EQ(exists("forged"), 0);
    EXPECT_TRUE(view.says("forged=ENOENT")) << view.said();
    EXPECT_EQ(exists("twice"), -ENOENT);
    EXPECT_TRUE(view.says("first=0") && view.says("second=ENOENT")) << view.said();
    EXPECT_EQ(exists("lengths"), 0);
    for (const char* what :
         {"no-header", "longer-said", "shorter-said", "positive-error", "unknown-error"}) {
      EXPECT_TRUE(view.says(std::string(what) + "=EINVAL", 500)) << what << " in\n" << view.said();
    }
    EXPECT_EQ(exists("error-with-body"), -EIO);
    EXPECT_TRUE(view.says("error-with-body=EINVAL", 500)) << view.said();
    EXPECT_EQ(exists("init"), 0);
    EXPECT_TRUE(view.says("init=ENOENT")) << view.said();
    EXPECT_LT(exists("oversized"), 0);
    EXPECT_TRUE(view.says("oversized=EINVAL")) << view.said();
    EXPECT_EQ(exists("short"), -EIO);
    EXPECT_EQ(exists("notify"), 0);
    EXPECT_TRUE(view.says("notified")) << view.said();
    EXPECT_EQ(exists("after"), 0) << "the connection serves on";
  });
}

// A file of impossible kind or size is refused, and what could give privilege gives none.
TEST_P(TakenOverConnection, InventedAttributes) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve honest");
    const auto stat_of = [&](const char* name) {
      return as_viewer([&] {
        struct stat stat;
        return Sys(::stat(view.path(name).c_str(), &stat));
      });
    };
    for (const char* name : {"size-too-large", "no-type", "all-types"})
      EXPECT_EQ(stat_of(name), -EIO) << name;
    EXPECT_EQ(stat_of("size-largest"), 0);
    EXPECT_EQ(stat_of("no-links"), 0);
    // It was a file, and says now that it is a directory.
    EXPECT_EQ(stat_of("turns"), -EIO);
    EXPECT_EQ(as_viewer([&] { return TryOpen(view.path("device"), O_RDWR); }), -EACCES);
    EXPECT_EQ(as_viewer([&] {
                struct statvfs flags;
                if (::statvfs(view.path("suid").c_str(), &flags) != 0) return -1L;
                return static_cast<long>(flags.f_flag & (ST_NOSUID | ST_NODEV));
              }),
              ST_NOSUID | ST_NODEV);
    EXPECT_EQ(as_viewer([&] {
                ::execl(view.path("suid").c_str(), "suid", nullptr);
                return static_cast<long>(::geteuid());
              }),
              kViewer);
    // The root once more, as a file: the worker's own view is spoilt, and no more.
    EXPECT_EQ(stat_of("root-again"), -EIO);
  });
}

// Names in listings never lead elsewhere, and no length reads beyond the reply.
TEST_P(TakenOverConnection, NamesInListings) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve honest");
    for (const char* name :
         {"dir-slash", "dir-dotdot", "dir-long", "dir-overrun", "dir-nul", "dir-empty"}) {
      EXPECT_EQ(as_viewer([&] {
                  DIR* directory = ::opendir(view.path(name).c_str());
                  if (directory == nullptr) return -1L;
                  long bad = 0;
                  while (const struct dirent* entry = ::readdir(directory)) {
                    const std::string_view entry_name = entry->d_name;
                    if (entry_name.empty() || entry_name.find('/') != std::string_view::npos) ++bad;
                  }
                  return bad;
                }),
                0)
          << name;
    }
  });
}

// What a grant reads is the disk, whatever the worker puts into the cache of the same file.
TEST_P(TakenOverConnection, StoresNothingInAGrantedFile) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve honest");
    EXPECT_EQ(as_viewer([&] {
                const kerneltest::Fd file = kerneltest::Open(view.path("plain"), O_RDONLY);
                ::access(view.path("store").c_str(), F_OK);
                return kerneltest::ReadFd(file.get()) == "plain" &&
                               kerneltest::ReadFile(view.path("plain")) == "plain"
                           ? 0L
                           : -1L;
              }),
              0);
    EXPECT_TRUE(view.says("store=0")) << view.said();
  });
}

}  // namespace
}  // namespace sluice::adversary
