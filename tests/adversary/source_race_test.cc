// Another user changes the source tree at any instant of an open. Invariant: what is granted is the
// descriptor that was checked, found beneath the root without a link or a mount on the way, visible,
// and the file that was asked for; never what a name leads to later (src/broker/server.cc). The canary
// lies outside the root and must never be read, written or granted. SLUICE_LONG=1 races on for longer.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>

#include "hostile_worker.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

constexpr char kCanary[] = "canary: must not be seen";
constexpr double kSeconds = 0.8;

bool time_is_left(std::chrono::steady_clock::time_point from) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count() < kSeconds * persistence();
}

// A source with a directory `d`, in it `f`; beside it, outside, a directory of the same names.
struct Ground {
  std::string top = work_dir() + "/ground", root = top + "/root", outside = top + "/outside";
  Ground() {
    for (const std::string& path : {top, root, outside, root + "/d", root + "/e", outside + "/d", outside + "/plain", root + "/hidden"}) {
      EXPECT_EQ(::mkdir(path.c_str(), 0755), 0);
      EXPECT_EQ(::chown(path.c_str(), kUser, kUser), 0);
    }
    write_all(root + "/d/f", "inside", kUser);
    write_all(root + "/e/f", "inside", kUser);
    write_all(root + "/hidden/f", "hidden", kUser);
    write_all(outside + "/plain/f", "inside", kUser);
    write_all(outside + "/d/f", kCanary, kUser, 0666);
    write_all(outside + "/f", kCanary, kUser, 0666);
  }
};

void exchange_names(const std::string& a, const std::string& b) {
  ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
}

// What the other user does, over and over.
struct Swap {
  const char* what;
  Body prepare;
  Body once;
};

std::vector<Swap> swaps(const Ground& ground) {
  const std::string d = ground.root + "/d", f = d + "/f";
  const std::string link = ground.root + "/link", out = ground.outside + "/d";
  return {
      {"a component and a symlink out",
       [=] { EXPECT_EQ(::symlink("../outside/d", link.c_str()), 0); },
       [=] { exchange_names(d, link); }},
      {"a file and a symlink out",
       [=] { EXPECT_EQ(::symlink("../../outside/f", (d + "/s").c_str()), 0); },
       [=] { exchange_names(f, d + "/s"); }},
      {"directories inside and outside", [] {}, [=] { exchange_names(d, ground.outside + "/plain"); }},
      {"the file out of the root and back",
       [] {}, [=] {
         ::rename(f.c_str(), (ground.outside + "/moved").c_str());
         ::rename((ground.outside + "/moved").c_str(), f.c_str());
       }},
      {"another file in the file's place",
       [] {}, [=] {
         const os::Fd made(::open((d + "/new").c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644));
         (void)!::write(made.get(), "inside", 6);
         ::rename((d + "/new").c_str(), f.c_str());
       }},
      {"a mount over the directory",
       [] {}, [=] {
         ::mount(out.c_str(), d.c_str(), nullptr, MS_BIND, nullptr);
         ::umount2(d.c_str(), MNT_DETACH);
       }},
      {"the visible and the hidden directory", [] {}, [=] { exchange_names(d, ground.root + "/hidden"); }},
  };
}

struct Result {
  long opened = 0, failed = 0;
};

// A real view and a client that opens, reads, writes and truncates in it.
Result race_in_view(const View& view, const std::string& forbidden) {
  Result result;
  const std::string path = view.path("d/f");
  char buffer[64] = {};
  for (const auto from = std::chrono::steady_clock::now(); time_is_left(from);) {
    for (const int flags : {O_RDONLY, O_RDWR, O_RDWR | O_TRUNC}) {
      const os::Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
      if (!fd) {
        ++result.failed;
        continue;
      }
      ++result.opened;
      const ssize_t length = ::pread(fd.get(), buffer, sizeof(buffer) - 1, 0);
      buffer[length > 0 ? length : 0] = 0;
      EXPECT_EQ(std::string(buffer).find(forbidden), std::string::npos);
      if (flags != O_RDONLY) (void)!::pwrite(fd.get(), "inside", 6, 0);
    }
    (void)!::truncate(path.c_str(), 6);
  }
  return result;
}

void expect_canary(const Ground& ground, const char* what) {
  EXPECT_EQ(read_all(ground.outside + "/f"), kCanary) << what;
  EXPECT_EQ(read_all(ground.outside + "/d/f"), kCanary) << what;
}

class SourceRace : public ::testing::TestWithParam<int> {};

// Which of the swaps, for the body in its arena.
int chosen = 0;
constexpr int kAnotherFile = 4, kAMount = 5, kHiddenOne = 6, kSwaps = 7;

void race_with_client() {
  RunningService service;
  const Ground ground;
  const Swap swap = swaps(ground)[static_cast<size_t>(chosen)];
  const View view(ground.root, kUser, {"/hidden/"}, false, 0);
  swap.prepare();
  Result result;
  Program other([&] {
    for (;;) swap.once();
  });
  in_process(kUser, 10, [&] {
    result = race_in_view(view, "canary");
    std::printf("  %-40s opened %ld, failed %ld\n", swap.what, result.opened, result.failed);
    EXPECT_GT(result.opened, 0) << "nothing was opened: the test shows nothing";
    // With a file always there an open may always succeed.
    if (chosen != kAnotherFile && chosen != kAMount && chosen != kHiddenOne) {
      EXPECT_GT(result.failed, 0) << "the race was never hit: the test shows nothing";
    }
  });
  other.signal(SIGKILL);
  EXPECT_TRUE(other.ended(3000));
  while (::umount2((ground.root + "/d").c_str(), MNT_DETACH) == 0) {
  }
  expect_canary(ground, swap.what);
}

uint64_t device_of(const struct stat& stat) {
  return uint64_t{major(stat.st_dev)} << 32 | minor(stat.st_dev);
}

// A worker under the attacker's control on its own: it knows what is outside, and claims that.
void race_with_worker() {
  const Ground ground;
  const Swap swap = swaps(ground)[static_cast<size_t>(chosen)];
  HostileWorker worker(ground.root, false, {"/hidden/"});
  swap.prepare();
  struct stat canary[2], hidden, inside;
  ASSERT_EQ(::stat((ground.root + "/d/f").c_str(), &inside), 0);
  ASSERT_EQ(::stat((ground.outside + "/f").c_str(), &canary[0]), 0);
  ASSERT_EQ(::stat((ground.outside + "/d/f").c_str(), &canary[1]), 0);
  ASSERT_EQ(::stat((ground.root + "/hidden/f").c_str(), &hidden), 0);
  Program other([&] {
    for (;;) swap.once();
  });
  long asked = 0, granted = 0, refused = 0;
  for (const auto from = std::chrono::steady_clock::now(); time_is_left(from);) {
    for (const struct stat& file : canary) {
      for (const uint32_t flags : {wire::kOpenRead, wire::kOpenRead | wire::kOpenWrite}) {
        const Reply reply = worker.open(HostileWorker::kReadWrite, "d/f", flags, device_of(file), file.st_ino);
        EXPECT_NE(reply.error, 0) << swap.what << ": the canary is granted";
        EXPECT_EQ(reply.body.backing_id, 0) << swap.what;
        ++asked;
      }
    }
    // By the name that is hidden, whatever is there at that instant.
    const Reply by_name = worker.open(HostileWorker::kReadWrite, "hidden/f", wire::kOpenRead, device_of(hidden), hidden.st_ino);
    EXPECT_NE(by_name.error, 0) << swap.what << ": a hidden name is granted";
    wire::BrokerRequest request{};
    request.op = wire::BrokerOp::kTruncatePath;
    EXPECT_NE(worker.ask(HostileWorker::kReadWrite, request, "hidden/f").error, 0);
    // And what is asked for honestly, which shows whether the race is hit.
    const Reply honest = worker.open(HostileWorker::kReadWrite, "d/f", wire::kOpenRead, device_of(inside), inside.st_ino);
    ++(honest.error == 0 ? granted : refused);
    if (honest.error == 0) {
      wire::BrokerRequest close{};
      close.op = wire::BrokerOp::kClose;
      close.grant = honest.body.grant;
      const auto* bytes = reinterpret_cast<const uint8_t*>(&close);
      ASSERT_TRUE(worker.send(HostileWorker::kReadWrite, {bytes, bytes + sizeof(close)}));
    }
  }
  std::printf("  %-40s refused %ld, honestly asked: granted %ld, refused %ld\n", swap.what, asked, granted, refused);
  EXPECT_GT(granted + refused, 0);
  // Another file takes the place for good; a mount is not seen by a tree that was cloned before.
  if (chosen != kAnotherFile) {
    EXPECT_GT(granted, 0) << "the file was never there: the test shows nothing";
  }
  if (chosen != kAMount) {
    EXPECT_GT(refused, 0) << "the race was never hit: the test shows nothing";
  }
  EXPECT_TRUE(worker.broker_lives());
  EXPECT_GT(asked, 1000) << "hardly asked";
  other.signal(SIGKILL);
  EXPECT_TRUE(other.ended(3000));
  while (::umount2((ground.root + "/d").c_str(), MNT_DETACH) == 0) {
  }
  expect_canary(ground, swap.what);
}

TEST_P(SourceRace, ByAClient) {
  chosen = GetParam();
  run_attack(&race_with_client, 20);
}
TEST_P(SourceRace, ByAWorker) {
  chosen = GetParam();
  run_attack(&race_with_worker, 20);
}
INSTANTIATE_TEST_SUITE_P(Of, SourceRace, ::testing::Range(0, kSwaps));

// A hard link to a foreign file is in the tree, and no more than a file of its owner's there.
ATTACK(SourceLink, ForeignFilesLinkedIn) {
  RunningService service;
  const Ground ground;
  write_all(ground.outside + "/foreign", kCanary, kVictim, 0600);
  ASSERT_EQ(::link((ground.outside + "/foreign").c_str(), (ground.root + "/d/foreign").c_str()), 0);
  const View view(ground.root, kUser, {}, false, 0);
  in_process(kUser, 10, [&] {
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_TRUNC}) {
      EXPECT_LT(::open(view.path("d/foreign").c_str(), flags | O_CLOEXEC), 0) << flags;
    }
    EXPECT_LT(::truncate(view.path("d/foreign").c_str(), 0), 0);
    EXPECT_LT(::chmod(view.path("d/foreign").c_str(), 0666), 0);
  });
  HostileWorker worker(ground.root, false);
  struct stat foreign;
  ASSERT_EQ(::stat((ground.outside + "/foreign").c_str(), &foreign), 0);
  for (const auto channel : {HostileWorker::kReadWrite, HostileWorker::kReadOnly}) {
    EXPECT_NE(worker.open(channel, "d/foreign", wire::kOpenRead, device_of(foreign), foreign.st_ino).error, 0);
  }
  EXPECT_EQ(read_all(ground.outside + "/foreign"), kCanary);
}

}  // namespace
}  // namespace sluice::adversary
