// Several processes in one directory of a view: what must hold however they take turns.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/outcome.h"
#include "tests/integration/model/random.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/tree.h"

namespace sluice::model {
namespace {

constexpr int kProcesses = 4;

std::string error_name() { return ::strerrorname_np(errno); }

void in_parallel(const std::string& what, const std::function<void(int)>& action) {
  std::vector<pid_t> pids;
  for (int i = 0; i < kProcesses; ++i) pids.push_back(start_as(kUser, [&, i] { action(i); }));
  wait_for(pids, what);
}

std::string read_all(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "cannot open: " + error_name();
  std::string all(1 << 20, '\0');
  const ssize_t got = ::read(fd, all.data(), all.size());
  ::close(fd);
  if (got < 0) return "cannot read: " + error_name();
  all.resize(static_cast<size_t>(got));
  return all;
}

bool write_all(const std::string& path, int flags, const std::string& data) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0644);
  if (fd < 0) return false;
  const bool done = ::write(fd, data.data(), data.size()) == static_cast<ssize_t>(data.size());
  ::close(fd);
  return done;
}

// A counter behind a lock file: no two have the lock at once, nobody's step is lost.
void lock_by_creating(const std::string& top) {
  constexpr int kSteps = 60;
  expect(write_all(top + "/counter", O_CREAT | O_TRUNC, "0"), "counter");
  in_parallel("lock file", [&](int) {
    for (int done = 0; done < kSteps;) {
      const int fd = ::open((top + "/lock").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (fd < 0) {
        expect(errno == EEXIST, "lock file: " + error_name());
        if (errno != EEXIST) return;
        continue;
      }
      ::close(fd);
      const int count = std::atoi(read_all(top + "/counter").c_str());
      expect(write_all(top + "/counter", O_TRUNC, std::to_string(count + 1)), "counter");
      expect(::unlink((top + "/lock").c_str()) == 0, "unlock: " + error_name());
      ++done;
    }
  });
  expect_equal(std::atoi(read_all(top + "/counter").c_str()), kProcesses * kSteps, "counter");
}

// All lines are there, whole, and each process's in order.
void append_lines(const std::string& top) {
  constexpr int kLines = 300;
  in_parallel("O_APPEND", [&](int process) {
    const int fd = ::open((top + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    for (int i = 0; i < kLines; ++i) {
      const std::string line = std::to_string(process) + " " + std::to_string(i) + " " +
                               pattern(static_cast<uint64_t>(i), static_cast<size_t>(i)) + "\n";
      expect(::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()), "append");
    }
    ::close(fd);
  });
  std::map<int, int> next;
  const std::string log = read_all(top + "/log");
  for (size_t at = 0; at < log.size();) {
    const size_t end = log.find('\n', at);
    const int process = log[at] - '0';
    const int i = next[process]++;
    const std::string line = std::to_string(process) + " " + std::to_string(i) + " " +
                             pattern(static_cast<uint64_t>(i), static_cast<size_t>(i));
    expect(log.substr(at, end - at) == line, "a broken line: " + escaped(log.substr(at, end - at)));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  for (int i = 0; i < kProcesses; ++i) expect_equal(next[i], kLines, "lines of a process");
}

// Whoever opens a file that is replaced all the time finds an old one or a new one, whole.
void replace_by_renaming(const std::string& top) {
  constexpr int kReplacements = 400;
  const std::string current = top + "/current";
  const auto contents = [](int i) { return pattern(static_cast<uint64_t>(i), 3000) + "."; };
  expect(write_all(current, O_CREAT, contents(0)), "first version");
  in_parallel("replaced file", [&](int process) {
    if (process == 0) {
      for (int i = 1; i <= kReplacements; ++i) {
        expect(write_all(top + "/next", O_CREAT | O_TRUNC, contents(i)),
               "new version: " + error_name());
        expect(::rename((top + "/next").c_str(), current.c_str()) == 0, "replace: " + error_name());
      }
      expect(write_all(top + "/done", O_CREAT, ""), "done");
      return;
    }
    while (::access((top + "/done").c_str(), F_OK) < 0) {
      const std::string found = read_all(current);
      expect(found.size() == 3001 && found.back() == '.', "replaced file: " + escaped(found));
      struct stat stat;
      const int got = ::stat(current.c_str(), &stat);
      expect(got == 0, "stat of the replaced file: " + error_name());
      expect(got < 0 || stat.st_size == 3001, "size of the replaced file");
    }
  });
  ::unlink((top + "/done").c_str());
}

// Of all who remove or take a name, one succeeds.
void take_turns(const std::string& top) {
  constexpr int kNames = 150;
  for (int i = 0; i < kNames; ++i) {
    const std::string number = std::to_string(i);
    expect(write_all(top + "/file" + number, O_CREAT, number), "file");
    expect(::mkdir((top + "/dir" + number).c_str(), 0755) == 0, "mkdir");
    expect(write_all(top + "/token" + number, O_CREAT, number), "token");
  }
  in_parallel("who is first", [&](int process) {
    const int tally =
        ::open((top + "/tally").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const auto note = [&](int result, const char* what) {
      expect(result == 0 || errno == ENOENT, std::string(what) + ": " + error_name());
      if (result == 0) expect(::write(tally, what, 1) == 1, "tally");
    };
    for (int i = 0; i < kNames; ++i) {
      const std::string number = std::to_string(i);
      note(::unlink((top + "/file" + number).c_str()), "u");
      note(::rmdir((top + "/dir" + number).c_str()), "d");
      const std::string mine = top + "/mine" + std::to_string(process) + "." + number;
      note(::rename((top + "/token" + number).c_str(), mine.c_str()), "r");
    }
    ::close(tally);
  });
  std::map<char, int> count;
  for (const char what : read_all(top + "/tally")) ++count[what];
  for (const char what : {'u', 'd', 'r'})
    expect_equal(count[what], kNames, std::string("first at ") + what);
}

// Whoever opens or cuts a file that comes and goes succeeds or finds none; whoever may create it
// always succeeds.
void come_and_go(const std::string& top) {
  constexpr int kRounds = 3000;
  const std::string lock = top + "/comes-and-goes";
  in_parallel("a file that comes and goes", [&](int process) {
    for (int i = 0; i < kRounds; ++i) {
      if (process == 0) {
        const int gone = ::unlink(lock.c_str());
        expect(gone == 0 || errno == ENOENT, "unlink: " + error_name());
        continue;
      }
      if (process == 1) {
        const bool made = write_all(lock + ".new", O_CREAT | O_TRUNC, "new");
        expect(made, "new: " + error_name());
        const int renamed = ::rename((lock + ".new").c_str(), lock.c_str());
        expect(renamed == 0, "rename: " + error_name());
        continue;
      }
      if (process == 2) {
        const int cut = ::truncate(lock.c_str(), i % 3);
        expect(cut == 0 || errno == ENOENT, "cut: " + error_name());
      }
      const int create = process == 2 ? 0 : O_CREAT;
      const int fd = ::open(lock.c_str(), O_RDWR | O_CLOEXEC | create, 0644);
      expect(fd >= 0 || (create == 0 && errno == ENOENT), "open: " + error_name());
      if (fd >= 0) ::close(fd);
    }
  });
}

// Anything with anything. Only errors that a plain directory gives too.
void mix(const std::string& top, uint64_t seed) {
  in_parallel("mix", [&](int process) {
    Random random(seed * 100 + static_cast<uint64_t>(process));
    const auto path = [&] {
      std::string out = top + "/m" + std::to_string(random.below(4));
      if (random.chance(40)) out += "/n" + std::to_string(random.below(3));
      return out;
    };
    std::map<std::string, int> errors;
    for (int i = 0; i < 1500; ++i) {
      const std::string a = path(), b = path();
      int result = 0;
      struct stat stat;
      constexpr const char* kCalls[] = {"mkdir", "rmdir",    "unlink", "rename", "link",
                                        "stat",  "truncate", "chmod",  "open",   "open"};
      const uint64_t call = random.below(std::size(kCalls));
      switch (call) {
        case 0:
          result = ::mkdir(a.c_str(), 0755);
          break;
        case 1:
          result = ::rmdir(a.c_str());
          break;
        case 2:
          result = ::unlink(a.c_str());
          break;
        case 3:
          result = ::rename(a.c_str(), b.c_str());
          break;
        case 4:
          result = ::link(a.c_str(), b.c_str());
          break;
        case 5:
          result = ::stat(a.c_str(), &stat);
          break;
        case 6:
          result = ::truncate(a.c_str(), 100);
          break;
        case 7:
          result = ::chmod(a.c_str(), 0755);
          break;
        default: {
          constexpr int kFlags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT,
                                    O_WRONLY | O_CREAT | O_TRUNC};
          const int fd = ::open(a.c_str(), random.pick(kFlags) | O_CLOEXEC, 0644);
          result = fd < 0 ? -1 : 0;
          if (fd >= 0) ::close(fd);
        }
      }
      constexpr int kUsual[] = {ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL, EPERM};
      if (result < 0 && std::ranges::find(kUsual, errno) == std::end(kUsual)) {
        ++errors[std::string(kCalls[call]) + ": " + error_name()];
      }
    }
    for (const auto& [what, count] : errors)
      expect(false, "mix: " + std::to_string(count) + " times " + what);
  });
}

}  // namespace

void play_shared(Stage& stage) {
  stage.make_directory("shared");
  const auto view = stage.mount();
  const std::string top =
      (stage.options().self_check ? stage.under() : stage.view()) + "/shared/top";
  run_as(kUser, "shared directory", [&] {
    lock_by_creating(top);
    append_lines(top);
    replace_by_renaming(top);
    take_turns(top);
    come_and_go(top);
    mix(top, stage.options().seed);
    sleep_milliseconds(1100);  // what was remembered of the attributes has run out
    const std::string found = differences(tree_of(top), tree_of(top), "once", "again");
    expect(found.empty(), found);
  });
  run_as(kUser, "trees", [&] {
    const std::string found = differences(tree_of(stage.under() + "/shared"),
                                          tree_of(stage.view() + "/shared"), "source", "view");
    expect(found.empty(), "the trees differ:\n" + found);
  });
  view->expect_passthrough();
}

}  // namespace sluice::model
