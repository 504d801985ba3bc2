// What a worker under the attacker's control leaves behind for the one after it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "../kernel/contained.h"
#include "../kernel/process.h"
#include "../kernel/sys.h"
#include "os/memory_file.h"
#include "os/shared_file.h"
#include "service_stage.h"
#include "wire/node_record.h"

namespace sluice::adversary {
namespace {

using kerneltest::As;
using kerneltest::RunContained;
using kerneltest::Sys;

IN_EACH_MODE(TakenOverSuccession);

size_t count(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

// The next worker believes nothing of the table: it neither ends nor shows another file by a name.
TEST_P(TakenOverSuccession, AForgedTable) {
  RunContained([] {
    const Service service(GetParam());
    for (int seed = 1; seed <= 12; ++seed) {
      const AttackedView view(service, "table " + std::to_string(seed));
      // The one after it is honest.
      ASSERT_EQ(Sys(::truncate((view.source() + "/.order").c_str(), 0)), 0);
      const long found = As({kViewer}, [&] { return Sys(::access(view.path("plain").c_str(), R_OK)); });
      EXPECT_TRUE(view.says("forged")) << seed;
      if (seed % 8 == 4) {
        // That this is a table at all, it does not say: rather than guess, the view ends.
        EXPECT_LT(found, 0) << seed;
        EXPECT_TRUE(view.ended()) << seed;
        continue;
      }
      EXPECT_EQ(found, 0) << seed;
      for (const char* name : {"plain", "dir", "link", "fifo"}) {
        struct stat through, real;
        ASSERT_EQ(::lstat((view.source() + "/" + name).c_str(), &real), 0);
        EXPECT_EQ(As({kViewer}, [&] {
          if (const long result = Sys(::lstat(view.path(name).c_str(), &through)); result < 0) return result;
          return through.st_ino == real.st_ino && through.st_mode == real.st_mode ? 0L : -EIO;
        }), 0) << name << ", seed " << seed;
      }
      EXPECT_EQ(As({kViewer}, [&] { return kerneltest::ReadFile(view.path("plain")) == "plain" ? 0L : -EIO; }), 0);
      EXPECT_EQ(As({kViewer}, [&] { return Sys(::mkdir(view.path("dir/made").c_str(), 0700)); }), 0) << seed;
      EXPECT_EQ(As({kViewer}, [&] { return Sys(::rename(view.path("dir/made").c_str(), view.path("made").c_str())); }), 0) << seed;
      EXPECT_EQ(count(service.log(), "event=worker-ended view=\"" + view.name() + "\""), 1u) << "the next ended as well, seed " << seed;
    }
  });
}

// What is kept for the next worker of a view, to be forged at leisure: it is in this one's memory.
struct Kept {
  explicit Kept(pid_t worker) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(worker) + "/map_files")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry.path(), gone).string().find("sluice-table") == std::string::npos) continue;
      const kerneltest::Fd file = kerneltest::Open(entry.path(), O_RDWR);
      bytes = static_cast<uint8_t*>(os::map_counters(file.get(), wire::kTableBytes, true));
    }
  }
  ~Kept() { if (bytes != nullptr) os::unmap_counters(bytes, wire::kTableBytes); }
  // Of the file at path; nullptr: there is none.
  wire::NodeRecord* of(const std::string& path) const {
    struct stat stat;
    if (bytes == nullptr || ::stat(path.c_str(), &stat) != 0) return nullptr;
    for (uint32_t slot = 1; slot < kSlots; ++slot) {
      auto* record = reinterpret_cast<wire::NodeRecord*>(bytes + wire::kTableNodesAt) + slot;
      if ((record->state & wire::kNodeUsed) != 0 && record->ino == stat.st_ino) return record;
    }
    return nullptr;
  }
  static constexpr uint32_t kSlots = 100;
  uint8_t* bytes = nullptr;
};

// A file is not passed through to another one's contents, whatever is left of its grant, and whether it is open or was.
TEST_P(TakenOverSuccession, AForgedGrant) {
  RunContained([] {
    enum { kBackingOnly, kGrantToo, kGrantOfClosed, kKinds };
    for (int what = kBackingOnly; what < kKinds; ++what) {
      const Service service(GetParam(), "sluice-worker");
      const AttackedView view(service, "");
      kerneltest::WriteFile(view.source() + "/other", "other", 0644);
      kerneltest::Child client([&] {
        kerneltest::Become({kViewer});
        kerneltest::Fd other = kerneltest::Open(view.path("other"), O_RDONLY);
        kerneltest::Fd plain = kerneltest::Open(view.path("plain"), O_RDONLY);
        // By this it is opened again, whatever the kernel has forgotten of names by then.
        const kerneltest::Fd pinned = kerneltest::Open(view.path("plain"), O_PATH);
        if (what == kGrantOfClosed) {
          other = kerneltest::Fd();
          plain = kerneltest::Fd();
        }
        // Until the next worker is there.
        const auto told = [&] { return ::access(view.path("go").c_str(), F_OK) == 0; };
        if (!kerneltest::Eventually(told)) return long{-ETIMEDOUT};
        plain = kerneltest::Fd();
        ::usleep(200'000);  // the close comes to the worker later
        return kerneltest::ReadFile("/proc/self/fd/" + std::to_string(pinned.get())) == "plain" ? 0L : -EIO;
      });
      const Kept kept(static_cast<pid_t>(service.view(view.name()).worker_pid));
      ASSERT_TRUE(kerneltest::Eventually([&] {
        const auto* plain = kept.of(view.source() + "/plain");
        const auto* other = kept.of(view.source() + "/other");
        const auto is_ready = [&](const wire::NodeRecord* of) {
          return of != nullptr && of->grant != 0 && (of->opens == 0) == (what == kGrantOfClosed);
        };
        return is_ready(plain) && is_ready(other);
      }));
      auto* plain = kept.of(view.source() + "/plain");
      const auto* other = kept.of(view.source() + "/other");
      ASSERT_NE(plain->backing_id, other->backing_id);
      plain->backing_id = other->backing_id;
      if (what != kBackingOnly) plain->grant = other->grant;
      ::kill(static_cast<pid_t>(service.view(view.name()).worker_pid), SIGKILL);
      EXPECT_TRUE(service.logs("worker-replaced"));
      kerneltest::WriteFile(view.source() + "/go", "go", 0644);
      EXPECT_EQ(client.Result(), 0) << what;
    }
  });
}

// Nor does the next one wait for the broker, which waits for somebody to read the answers to the one before.
TEST_P(TakenOverSuccession, AFullChannel) {
  RunContained([] {
    const Service service(GetParam());
    for (const std::string channel : {"grants", "data"}) {
      const AttackedView view(service, "flood " + channel);
      view.begin();
      ASSERT_TRUE(view.says("flooding"));
      ::usleep(300'000);  // by then it is full both ways
      ASSERT_EQ(Sys(::truncate((view.source() + "/.order").c_str(), 0)), 0);
      ::kill(static_cast<pid_t>(service.view(view.name()).worker_pid), SIGKILL);
      EXPECT_EQ(As({kViewer}, [&] {
        const kerneltest::Fd file(Sys(::open(view.path("plain").c_str(), O_RDWR | O_CLOEXEC)));
        if (file.get() < 0 || kerneltest::ReadFd(file.get()) != "plain") return long{-EIO};
        return Sys(::fsync(file.get()));
      }), 0) << channel;
    }
  });
}

// Who did what no worker does gets no second try.
TEST_P(TakenOverSuccession, NoneAfterAViolation) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "call socket");
    view.begin();
    EXPECT_TRUE(view.ended());
    EXPECT_TRUE(service.logs("event=view-ended view=\"" + view.name() + "\"")) << service.log();
    EXPECT_NE(service.log().find("why=\"worker violated its confinement\""), std::string::npos) << service.log();
    EXPECT_EQ(service.log().find("worker-replaced"), std::string::npos) << service.log();
  });
}

// One that always ends is replaced for a limited time, and its clients are free then.
TEST_P(TakenOverSuccession, OneThatAlwaysEnds) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve die 1");
    EXPECT_LT(As({kViewer}, [&] { return Sys(::access(view.path("plain").c_str(), R_OK)); }), 0);
    EXPECT_TRUE(view.ended());
    EXPECT_TRUE(service.logs("why=\"worker keeps ending\"")) << service.log();
  });
}

// Nor does one fare better that says that it has nothing to do, and has a request: it was not asked to rest.
TEST_P(TakenOverSuccession, OneThatSaysThatItRests) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve rest 1");
    kerneltest::Child client([&] {
      kerneltest::Become({kViewer});
      return Sys(::access(view.path("plain").c_str(), R_OK));
    });
    EXPECT_TRUE(client.Ended(15'000)) << "who asked it waits: " << service.log();
    EXPECT_TRUE(view.ended());
    EXPECT_TRUE(service.logs("why=\"worker keeps ending\"")) << service.log();
    EXPECT_EQ(service.log().find("worker-rests"), std::string::npos) << service.log();
  });
}

}  // namespace
}  // namespace sluice::adversary
