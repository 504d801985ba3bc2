// Many at once: processes that wait for each other's locks, write one file and move the same files
// about; more names than a listing takes in one piece, and more directories below each other than
// anybody has.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/random.h"
#include "tests/integration/model/stage.h"

namespace sluice::model {
namespace {

constexpr int kProcesses = 4;
constexpr int kNames = 10'000, kMostNames = 100'000;  // a disk takes its time to make them
constexpr int kDepth = 1'000;

std::string error_name() { return ::strerrorname_np(errno); }

void in_parallel(const std::string& what, const std::function<void(int)>& action) {
  std::vector<pid_t> pids;
  for (int i = 0; i < kProcesses; ++i) pids.push_back(start_as(kUser, [&, i] { action(i); }));
  wait_for(pids, what);
}

int open_or_say(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  expect(fd >= 0, path + ": " + error_name());
  return fd;
}

bool lock_range(int fd, int command, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_len = 8;
  return ::fcntl(fd, command, &range) == 0;
}

// What holds the lock alone reads and writes a counter: no step is lost, whichever kind of lock it
// is.
void count_under_locks(const std::string& top) {
  struct Kind {
    const char* name;
    bool (*lock)(int fd);
    bool (*unlock)(int fd);
  };
  constexpr Kind kKinds[] = {
      {"flock", [](int fd) { return ::flock(fd, LOCK_EX) == 0; },
       [](int fd) { return ::flock(fd, LOCK_UN) == 0; }},
      {"fcntl", [](int fd) { return lock_range(fd, F_SETLKW, F_WRLCK); },
       [](int fd) { return lock_range(fd, F_SETLKW, F_UNLCK); }},
      {"open file description", [](int fd) { return lock_range(fd, F_OFD_SETLKW, F_WRLCK); },
       [](int fd) { return lock_range(fd, F_OFD_SETLK, F_UNLCK); }}};
  constexpr int kSteps = 200;
  for (const Kind& kind : kKinds) {
    const std::string path = top + "/counter of " + kind.name;
    ::close(open_or_say(path, O_RDWR | O_CREAT));
    in_parallel(kind.name, [&](int) {
      const int fd = open_or_say(path, O_RDWR);
      for (int i = 0; i < kSteps; ++i) {
        expect(kind.lock(fd), std::string("lock: ") + kind.name + ": " + error_name());
        int64_t count = 0;
        (void)!::pread(fd, &count, sizeof(count), 0);
        ++count;
        expect(::pwrite(fd, &count, sizeof(count), 0) == sizeof(count), "count");
        expect(kind.unlock(fd), std::string("unlock: ") + kind.name);
      }
      ::close(fd);
    });
    const int fd = open_or_say(path, O_RDONLY);
    int64_t count = 0;
    (void)!::pread(fd, &count, sizeof(count), 0);
    ::close(fd);
    expect_equal(count, kProcesses * kSteps, std::string("steps under ") + kind.name);
  }
}

// Every process has its share of the blocks of one file, by turns written and stored through a
// mapping.
void write_one_file(const std::string& top, const std::string& source) {
  constexpr int kBlocks = 64;
  constexpr size_t kBlock = 4096;
  const std::string name = "/written by all";
  const int made = open_or_say(top + name, O_RDWR | O_CREAT);
  expect(::ftruncate(made, kBlocks * kBlock) == 0, "ftruncate");
  ::close(made);
  in_parallel("writers", [&](int process) {
    const int fd = open_or_say(top + name, O_RDWR);
    auto* const map = static_cast<char*>(
        ::mmap(nullptr, kBlocks * kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    expect(map != MAP_FAILED, "mmap");
    for (int round = 0; round < 4; ++round) {
      for (int block = process; block < kBlocks; block += kProcesses) {
        const std::string text(kBlock, static_cast<char>('a' + process + kProcesses * round));
        if ((block / kProcesses + round) % 2 == 0) {
          expect(::pwrite(fd, text.data(), kBlock, static_cast<off_t>(kBlock) * block) == kBlock,
                 "pwrite");
        } else {
          std::memcpy(map + kBlock * static_cast<size_t>(block), text.data(), kBlock);
        }
      }
    }
    ::munmap(map, kBlocks * kBlock);
    ::close(fd);
  });
  for (const std::string& path : {top + name, source + name}) {
    const int fd = open_or_say(path, O_RDONLY);
    std::string found(kBlocks * kBlock, '\0');
    expect(::pread(fd, found.data(), found.size(), 0) == static_cast<ssize_t>(found.size()),
           "read");
    ::close(fd);
    std::string expected;
    for (int block = 0; block < kBlocks; ++block) {
      expected += std::string(kBlock, static_cast<char>('a' + block % kProcesses + kProcesses * 3));
    }
    expect(found == expected, path + " does not have what was written last");
  }
}

std::string place(int number) {
  return "/dir" + std::to_string(number % 3) + "/name" + std::to_string(number);
}

// Files change places, and take free names, all at once: each is still there, once, with what it
// holds.
void rename_storm(const std::string& top, uint64_t seed) {
  constexpr int kPlaces = 24, kFiles = 16, kSteps = 400;
  for (int i = 0; i < 3; ++i) {
    expect(::mkdir((top + "/dir" + std::to_string(i)).c_str(), 0755) == 0,
           "mkdir: " + error_name());
  }
  for (int i = 0; i < kFiles; ++i) {
    const int fd = open_or_say(top + place(i), O_WRONLY | O_CREAT);
    expect(::write(fd, &i, sizeof(i)) == sizeof(i), "write");
    ::close(fd);
  }
  in_parallel("rename storm", [&](int process) {
    Random random(seed + static_cast<uint64_t>(process));
    for (int step = 0; step < kSteps; ++step) {
      const std::string from = top + place(static_cast<int>(random.below(kPlaces)));
      const std::string to = top + place(static_cast<int>(random.below(kPlaces)));
      if (from == to) continue;
      const unsigned how = random.chance(50) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
      const int moved = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), how);
      expect(moved == 0 || errno == ENOENT || errno == EEXIST, "rename: " + error_name());
      const int fd = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
      expect(fd >= 0 || errno == ENOENT, "open of what is moved about: " + error_name());
      int number = -1;
      if (fd >= 0) {
        expect(
            ::read(fd, &number, sizeof(number)) == sizeof(number) && number >= 0 && number < kFiles,
            "what is moved about holds something else");
        ::close(fd);
      }
    }
  });
  std::multiset<int> found;
  for (int i = 0; i < kPlaces; ++i) {
    const int fd = ::open((top + place(i)).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    int number = -1;
    (void)!::read(fd, &number, sizeof(number));
    ::close(fd);
    found.insert(number);
  }
  std::multiset<int> expected;
  for (int i = 0; i < kFiles; ++i) expected.insert(i);
  expect(found == expected,
         "after the renames " + std::to_string(found.size()) + " files are left, not each once");
}

std::string many_name(int number) { return "/many/name" + std::to_string(number); }

long listed(const std::string& path) {
  DIR* const stream = ::opendir(path.c_str());
  if (stream == nullptr) return -1;
  long count = 0;
  while (::readdir(stream) != nullptr) ++count;
  ::closedir(stream);
  return count - 2;
}

void many_names(const std::string& top, const std::string& source, int names) {
  expect(::mkdir((source + "/many").c_str(), 0755) == 0, "mkdir");
  for (int i = 0; i < names; ++i) {
    if (::mknod((source + many_name(i)).c_str(), S_IFREG | 0644, 0) != 0)
      return expect(false, "mknod: " + error_name());
  }
  expect_equal(listed(top + "/many"), names, "names in a listing");
  struct stat stat;
  for (int i = 0; i < names; i += names / 50) {
    expect(::stat((top + many_name(i)).c_str(), &stat) == 0, "one of many names: " + error_name());
  }
  expect(::stat((top + many_name(names)).c_str(), &stat) != 0 && errno == ENOENT,
         "a name that is not among many");
  expect(::unlink((top + many_name(7)).c_str()) == 0, "unlink: " + error_name());
  ::close(open_or_say(top + "/many/new", O_WRONLY | O_CREAT));
  ::close(open_or_say(top + "/many/newer", O_WRONLY | O_CREAT));
  expect_equal(listed(top + "/many"), names + 1, "names after a change");
}

// Down and up again by single steps.
void deep_tree(const std::string& top, const std::string& source) {
  int at = ::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  std::string path;
  for (int i = 0; i < kDepth; ++i) {
    if (::mkdirat(at, "d", 0755) != 0)
      return expect(false, "mkdir " + std::to_string(i) + ": " + error_name());
    const int next = ::openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ::close(at);
    at = next;
    path += "/d";
  }
  const int fd = ::openat(at, "bottom", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  expect(fd >= 0 && ::write(fd, "bottom", 6) == 6, "a file at the bottom: " + error_name());
  ::close(fd);
  ::close(at);
  struct stat stat;
  expect(::stat((source + path + "/bottom").c_str(), &stat) == 0 && stat.st_size == 6,
         "the bottom in the source");
  expect(::unlink((top + path + "/bottom").c_str()) == 0, "unlink at the bottom: " + error_name());
  for (; !path.empty(); path.resize(path.size() - 2)) {
    if (::rmdir((top + path).c_str()) != 0) return expect(false, "rmdir: " + error_name());
  }
}

void play(Stage& stage, int names) {
  stage.make_directory("crowd");
  const auto view = stage.mount();
  const std::string top =
      (stage.options().self_check ? stage.under() : stage.view()) + "/crowd/top";
  const std::string source = stage.under() + "/crowd/top";
  run_as(kUser, "crowd", [&] {
    count_under_locks(top);
    write_one_file(top, source);
    rename_storm(top, stage.options().seed);
    many_names(top, source, names);
    deep_tree(top, source);
  });
  view->expect_passthrough();
}

}  // namespace

void play_crowd(Stage& stage) { play(stage, kNames); }
void play_crowd_of_names(Stage& stage) { play(stage, kMostNames); }

}  // namespace sluice::model
