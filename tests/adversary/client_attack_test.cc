// An application in a view that looks for what the rules hide. Invariant: the verdict is about the
// bytes of a path, before it is looked at whether anything is there (core::Rules), so that no answer,
// no error and no time tells a hidden name that exists from one that does not; and what a call that
// makes nothing says of either is what it says of a name that is absent.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "core/reason_text.h"
#include "hostile_worker.h"
#include "path_calls.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

constexpr std::string_view kRules[] = {"*.key", "*.d/", "/deep/**/x"};

// What is hidden: a name that exists, and one of the same rule and length that does not; and one that
// no rule hides, and that is as absent as the others seem.
struct Pair {
  const char* what;
  const char* there;
  const char* absent;
  const char* plain = "plain";
};
constexpr Pair kPairs[] = {
    {"a file", "file-1.key", "file-2.key"},
    {"a directory", "dir-1.key", "dir-2.key"},
    {"a directory that is not empty", "full-1.key", "full-2.key"},
    {"a symlink", "link-1.key", "link-2.key"},
    {"a fifo", "fifo-1.key", "fifo-2.key"},
    {"a file of others", "root-1.key", "root-2.key"},
    {"a file below", "dir/file-1.key", "dir/file-2.key", "dir/plain"},
    {"what is in a hidden directory", "full-1.key/inner", "full-2.key/inner", "plain/x"},
    {"what is not in one", "full-1.key/none", "full-2.key/none", "plain/x"},
    {"a directory, by a rule for such", "only-1.d", "only-2.d"},
    {"what is in it", "only-1.d/inner", "only-2.d/inner", "plain/x"},
    {"by a rule at any depth", "deep/a/x", "deep/b/x", "deep/a/plain"},
};

std::string make_tree(const std::string& name) {
  const std::string top = make_source(name, kUser);
  const auto directory = [&](const char* path) {
    ASSERT_EQ(::mkdir((top + "/" + path).c_str(), 0755), 0) << path;
    ASSERT_EQ(::chown((top + "/" + path).c_str(), kUser, kUser), 0);
  };
  for (const char* path : {"dir", "dir-1.key", "full-1.key", "only-1.d", "deep", "deep/a", "deep/b"}) directory(path);
  for (const char* path : {"file-1.key", "dir/file-1.key", "full-1.key/inner", "only-1.d/inner", "deep/a/x"}) {
    write_all(top + "/" + path, "secret", kUser);
  }
  write_all(top + "/root-1.key", "secret", 0, 0600);
  EXPECT_EQ(::symlink("file", (top + "/link-1.key").c_str()), 0);
  EXPECT_EQ(::mkfifo((top + "/fifo-1.key").c_str(), 0666), 0);
  return top;
}

std::string say(int error) { return error == 0 ? "success" : ::strerrorname_np(error); }

// Every call on both of each pair, one after the other, in either order.
void expect_indistinguishable(const View& view) {
  const std::vector<PathCall> calls = path_calls(view.path(""));
  std::map<std::string, std::string> differ;
  for (const Pair& pair : kPairs) {
    const std::string there = view.path(pair.there), absent = view.path(pair.absent);
    const std::string plain = view.path(pair.plain);
    for (const PathCall& call : calls) {
      const int first = call.error_of(there.c_str());
      const int second = call.error_of(absent.c_str());
      if (first != second) {
        differ[call.name] = std::string(pair.what) + ": " + say(first) + ", and " + say(second) + " where nothing is";
      }
      if (call.makes) continue;
      const int third = call.error_of(plain.c_str());
      if (first != third) {
        differ[call.name] = std::string(pair.what) + ": " + say(first) + ", and " + say(third) + " for an absent name";
      }
    }
  }
  for (const auto& [call, how] : differ) ADD_FAILURE() << call << " tells of " << how;
}

ATTACK_WITHIN(ClientAttack, ErrorsOfEveryCall, 40) {
  RunningService service;
  const std::string tree = make_tree("tree");
  for (const uint32_t coherence : {0u, 10000u}) {
    const View view(tree, kUser, {std::begin(kRules), std::end(kRules)}, false, coherence);
    in_process(kUser, 25, [&] { expect_indistinguishable(view); });
  }
  const View read_only(tree, kUser, {std::begin(kRules), std::end(kRules)}, true, 0, "read-only");
  in_process(kUser, 25, [&] { expect_indistinguishable(read_only); });
}

// What takes privilege goes by a path too: as root, in a view that lets everybody in.
ATTACK(ClientAttack, ErrorsOfPrivilegedCalls) {
  RunningService service({"--preserve"});
  const std::string tree = make_tree("tree");
  wire::Hello hello = view_hello(0, {std::begin(kRules), std::end(kRules)});
  hello.named_identity = false;
  hello.preserve = true;
  const os::Fd directory(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  os::Fd connection;
  const Heard heard = ask(hello, {directory.get()}, &connection);
  ASSERT_TRUE(heard.mount) << core::reason_name(heard.reason);
  const std::string path = work_dir() + "/view";
  ASSERT_EQ(::mkdir(path.c_str(), 0755), 0);
  ASSERT_EQ(::syscall(SYS_move_mount, heard.mount.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH), 0);
  in_process(0, 10, [&] {
    for (const Pair& pair : kPairs) {
      for (const PathCall& call : privileged_path_calls()) {
        const int first = call.error_of((path + "/" + pair.there).c_str());
        EXPECT_EQ(say(first), say(call.error_of((path + "/" + pair.absent).c_str())))
            << call.name << " tells of " << pair.what;
        if (call.makes) continue;
        EXPECT_EQ(say(first), say(call.error_of((path + "/" + pair.plain).c_str()))) << call.name << ": " << pair.what;
      }
    }
  });
  ::umount2(path.c_str(), MNT_DETACH);
}

// Any position in a listing, whether it was ever handed out or not.
ATTACK(ClientAttack, PositionsInListings) {
  RunningService service;
  const std::string tree = make_tree("tree");
  for (int i = 0; i < 300; ++i) write_all(tree + "/n" + std::to_string(i) + (i % 2 == 0 ? ".key" : ""), "", kUser);
  const View view(tree, kUser, {std::begin(kRules), std::end(kRules)});
  in_process(kUser, 15, [&] {
    const os::Fd fd(::open(view.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::set<std::string> found;
    char buffer[32768];
    const auto list = [&] {
      const long length = ::syscall(SYS_getdents64, fd.get(), buffer, sizeof(buffer));
      for (long at = 0; at < length;) {
        uint16_t size;
        std::memcpy(&size, buffer + at + 16, sizeof(size));
        found.insert(buffer + at + 19);
        at += size;
      }
    };
    std::vector<int64_t> positions = {0, 1, 2, -1, INT64_MAX, INT64_MIN, INT32_MAX};
    for (int64_t i = 0; i < 700; ++i) positions.push_back(i);
    std::mt19937_64 random(20260103);
    for (int i = 0; i < 500; ++i) positions.push_back(static_cast<int64_t>(random() >> (random() % 64)));
    for (const int64_t position : positions) {
      if (::lseek(fd.get(), position, SEEK_SET) == position) list();
    }
    EXPECT_TRUE(found.contains("n1") && found.contains("file"));
    for (const std::string& name : found) {
      EXPECT_FALSE(name.ends_with(".key") || name == "only-1.d") << name << " is listed";
    }
  });
}

// From one view of a tree to another that hides other things.
ATTACK(ClientAttack, FromViewToView) {
  RunningService service;
  const std::string tree = make_tree("tree");
  const View one(tree, kUser, {"*.key"}, false, 0, "one"), other(tree, kUser, {"file"}, false, 0, "other");
  in_process(kUser, 10, [&] {
    const auto expect_error = [](long result, int error, const char* what) {
      EXPECT_EQ(say(result < 0 ? errno : 0), say(error)) << what;
    };
    const std::string from = other.path("file-1.key"), to = one.path("stolen");
    expect_error(::rename(from.c_str(), to.c_str()), EXDEV, "rename");
    expect_error(::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, one.path("file").c_str(), RENAME_EXCHANGE), EXDEV, "exchange");
    expect_error(::link(from.c_str(), to.c_str()), EXDEV, "link");
    const os::Fd fd(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(fd) << "what is visible there cannot be opened";
    const std::string by_fd = "/proc/self/fd/" + std::to_string(fd.get());
    expect_error(::linkat(AT_FDCWD, by_fd.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW), EXDEV, "link of an open file");
    const os::Fd directory(::open(other.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const os::Fd temp(::openat(directory.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    const std::string nameless = "/proc/self/fd/" + std::to_string(temp.get());
    expect_error(::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW), EXDEV, "a nameless file");
    // A symlink leads to a path, and the path into the view that is there.
    EXPECT_EQ(::symlink("file-1.key", to.c_str()), 0);
    expect_error(::open(to.c_str(), O_RDONLY | O_CLOEXEC), ENOENT, "by a symlink");
    expect_error(::openat(directory.get(), "../one/file-1.key", O_RDONLY | O_CLOEXEC), ENOENT, "by ..");
  });
}

// The time of a stat of either, in many short rounds in turns; what counts are medians.
struct Times {
  double there, absent, control;
};
Times measure(const std::string& there, const std::string& absent, const std::string& control, int rounds) {
  const std::string* paths[] = {&there, &absent, &control};
  std::vector<double> times[3];
  std::minstd_rand random(20260104);
  struct stat stat;
  for (int round = 0; round < rounds; ++round) {
    const size_t first = random() % 3;
    for (size_t turn = 0; turn < 3; ++turn) {
      const size_t which = (first + turn) % 3;
      const auto from = std::chrono::steady_clock::now();
      for (int i = 0; i < 8; ++i) (void)::stat(paths[which]->c_str(), &stat);
      times[which].push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - from).count() / 8);
    }
  }
  const auto median = [](std::vector<double>& of) {
    std::nth_element(of.begin(), of.begin() + static_cast<ptrdiff_t>(of.size() / 2), of.end());
    return of[of.size() / 2];
  };
  return {median(times[0]), median(times[1]), median(times[2])};
}

ATTACK_WITHIN(ClientAttack, TimeOfLookups, 40) {
  constexpr double kMost = 0.15;
  RunningService service;
  const std::string tree = make_tree("tree");
  write_all(tree + "/dir/deep.key", std::string(1 << 20, 'x'), kUser);
  for (const uint32_t coherence : {0u, 10000u}) {
    const View view(tree, kUser, {std::begin(kRules), std::end(kRules)}, false, coherence);
    in_process(kUser, 30, [&] {
      for (const Pair& pair : kPairs) {
        const std::string there = view.path(pair.there), absent = view.path(pair.absent);
        const std::string control = view.path(pair.absent);
        Times best{};
        double least = 1e9;
        // What noise makes differ once will not do so each time; and two times of one name differ by
        // nothing else.
        for (int attempt = 0; attempt < 4 && least > kMost; ++attempt) {
          const Times times = measure(there, absent, control, 200 * persistence());
          const double noise = std::abs(times.control / times.absent - 1);
          const double difference = std::max(0.0, std::abs(times.there / times.absent - 1) - noise);
          if (difference < least) best = times;
          least = std::min(least, difference);
        }
        std::printf("  coherence %5u ms, %-34s there %6.2f us, absent %6.2f us (%+5.1f %%), the same twice %+5.1f %%\n",
                    coherence, pair.what, best.there, best.absent, (best.there / best.absent - 1) * 100,
                    (best.control / best.absent - 1) * 100);
        EXPECT_LE(least, kMost) << pair.what << " takes another time when it exists";
      }
    });
  }
}

}  // namespace
}  // namespace sluice::adversary
