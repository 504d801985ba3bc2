// Changes behind a view that the kernel tells of: they are seen at once, however long names and
// attributes may be remembered. And inotify on the view.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/outcome.h"
#include "tests/integration/model/small_tree.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

// The worker looks at changes every few milliseconds; the rest is for its turn on a processor.
constexpr int64_t kAtOnce = 20;
// Of each single change, where many processes want the processors. Less than what cannot be watched
// is remembered for.
constexpr int64_t kLongest = 800;
// What is not watched is remembered for a second.
constexpr int64_t kUnwatched = 1300;

// What a stat of a name tells.
std::string seen(const std::string& path) {
  struct stat stat;
  if (::lstat(path.c_str(), &stat) < 0) return error_name();
  return std::to_string(stat.st_ino) + " " + std::to_string(stat.st_mode) + " " +
         std::to_string(stat.st_size) + " " + std::to_string(stat.st_nlink) + " " +
         std::to_string(stat.st_mtim.tv_sec) + "." + std::to_string(stat.st_mtim.tv_nsec);
}

bool make(const std::string& path) { return write_file(path, O_EXCL, "made"); }

// A change of a small tree, and the name in it of which the view must show what the source has.
struct Change {
  const char* what;
  bool (*make)(const std::string& at);
  const char* shows;
};

constexpr Change kChanges[] = {
    {"create", [](const std::string& at) { return make(at + "/new"); }, "new"},
    {"create, by the times of the directory",
     [](const std::string& at) { return make(at + "/d/new"); }, "d"},
    {"mkdir", [](const std::string& at) { return ::mkdir((at + "/new").c_str(), 0700) == 0; },
     "new"},
    {"remove", [](const std::string& at) { return ::unlink((at + "/a").c_str()) == 0; }, "a"},
    {"rename away", [](const std::string& at) { return rename_with(at + "/a", at + "/new"); }, "a"},
    {"rename to", [](const std::string& at) { return rename_with(at + "/a", at + "/new"); }, "new"},
    {"rename out of", [](const std::string& at) { return rename_with(at + "/d/f", at + "/new"); },
     "d/f"},
    {"rename into", [](const std::string& at) { return rename_with(at + "/a", at + "/d/a"); },
     "d/a"},
    {"replace", [](const std::string& at) { return rename_with(at + "/a", at + "/b"); }, "b"},
    {"move a directory", [](const std::string& at) { return rename_with(at + "/d", at + "/e/d"); },
     "e/d/f"},
    {"exchange directories",
     [](const std::string& at) { return rename_with(at + "/d", at + "/e", RENAME_EXCHANGE); },
     "d/f"},
    {"write", [](const std::string& at) { return write_file(at + "/a", O_APPEND, "more"); }, "a"},
    {"truncate", [](const std::string& at) { return ::truncate((at + "/a").c_str(), 1) == 0; },
     "a"},
    {"chmod", [](const std::string& at) { return ::chmod((at + "/a").c_str(), 0640) == 0; }, "a"},
    {"chmod of a directory",
     [](const std::string& at) { return ::chmod((at + "/d").c_str(), 0711) == 0; }, "d"},
    {"times",
     [](const std::string& at) {
       const struct timespec times[2] = {{123, 0}, {456, 789}};
       return ::utimensat(AT_FDCWD, (at + "/a").c_str(), times, 0) == 0;
     },
     "a"},
    {"link, by the other name",
     [](const std::string& at) { return ::link((at + "/a").c_str(), (at + "/new").c_str()) == 0; },
     "a"},
};

// Milliseconds until the view shows it.
int64_t time_to_see(const Change& change, const std::string& below, const std::string& above) {
  make_small_tree(below);
  expect(look(above) == look(below), "before");
  const std::string source = below + "/" + change.shows, view = above + "/" + change.shows;
  const std::string before = seen(view);
  expect_done(change.make(below), std::string(change.what));
  const int64_t start = now_milliseconds();
  expect(seen(source) != before, std::string(change.what) + " changes nothing");
  expect(within(kLongest, [&] { return seen(view) == seen(source); }),
         std::string(change.what) + " is not seen at once: " + seen(view) + ", should be " +
             seen(source));
  return now_milliseconds() - start;
}

void see_each(const std::string& source, const std::string& view) {
  constexpr int kTries = 5;
  int64_t slowest = 0;
  for (const Change& change : kChanges) {
    int64_t least = INT64_MAX;
    for (int i = 0; i < kTries; ++i) {
      const std::string at = std::string("/") + change.what + " " + std::to_string(i);
      least = std::min(least, time_to_see(change, source + at, view + at));
    }
    expect(least <= kAtOnce,
           std::string(change.what) + " is seen after " + std::to_string(least) + " ms");
    slowest = std::max(slowest, least);
  }
  std::printf("changes behind are seen after %ld ms at the most, the best of %d of each\n",
              static_cast<long>(slowest), kTries);
}

using Stream = std::unique_ptr<DIR, int (*)(DIR*)>;
using Names = std::set<std::string>;

Names names_of(DIR* stream) {
  ::rewinddir(stream);
  Names names;
  while (const struct dirent* entry = ::readdir(stream)) names.insert(entry->d_name);
  return names;
}
Names names_of(const std::string& path) {
  const Stream stream(::opendir(path.c_str()), ::closedir);
  expect_done(stream != nullptr, "opendir");
  return names_of(stream.get());
}

// Listings are remembered, by who has the directory open as by who opens it again: until something changes in it, on whichever
// side. Not by two who have it open, nor where the view is none of one user without rules. hidden: how names end that are.
void list_again(const MountedView& served, const std::string& source, const std::string& view, bool remembered,
                const std::string& hidden = "") {
  const std::string below = source + "/listed", above = view + "/listed";
  expect_done(::mkdir(below.c_str(), 0755) == 0, "mkdir");
  // More than one answer has room for: a listing goes on in the middle, too.
  Names all = {".", ".."};
  for (int i = 0; i < 700; ++i) {
    const std::string name = "a rather long name of a file, of which there are many " + std::to_string(i);
    expect_done(make(below + "/" + name), "create");
    if (!hidden.empty()) expect_done(make(below + "/" + name + hidden), "create");
    all.insert(name);
  }
  for (int i = 0; i < 2; ++i) expect(names_of(above) == all, "a listing");  // of so large a directory not the first one
  const auto parts = [&] { return served.requests("READDIR") + served.requests("READDIRPLUS"); };
  // In one of some tries: the end of a listing may come to the worker after the beginning of the next, which is not remembered then.
  const auto expect_remembered = [&](const auto& list, const std::string& what) {
    bool asked = true;
    for (int tries = 0; asked && tries < 10; ++tries) {
      sleep_milliseconds(20);
      const int64_t before = parts();
      expect(list() == all, what);
      asked = parts() > before;
    }
    expect_equal(asked, !remembered, what + ": requests for what is remembered");
  };
  expect_remembered([&] { return names_of(above); }, "a listing again");

  const auto see = [&](const char* what) {
    expect(within(kAtOnce, [&] { return names_of(above) == all; }), std::string(what) + " is not listed");
  };
  const auto make_some = [&](const std::string& prefix, const auto& see_it) {
    for (int i = 0; i < 20; ++i) {
      const std::string name = prefix + std::to_string(i);
      expect_done(make((i % 3 != 0 ? below : above) + "/" + name), "create");
      all.insert(name);
      see_it("a new file");
    }
  };
  make_some("new ", see);
  expect_done(rename_with(below + "/new 1", below + "/newer"), "rename");
  all.erase("new 1");
  all.insert("newer");
  see("a new name");
  expect_done(::unlink((above + "/newer").c_str()) == 0, "unlink");
  all.erase("newer");
  see("a removal");

  // By who has it open, and nobody else; then beside others.
  {
    sleep_milliseconds(100);
    const Stream open(::opendir(above.c_str()), ::closedir);
    expect_done(open != nullptr, "opendir");
    expect_remembered([&] { return names_of(open.get()); }, "a listing by who has it open");
    const int64_t beside = parts();
    expect(names_of(above) == all, "a listing beside");
    expect(parts() > beside, "what is remembered by one handle is remembered by another");
    const auto see_alone = [&](const char* what) {
      expect(within(kLongest, [&] { return names_of(open.get()) == all; }), std::string(what) + " is not listed where it was open");
    };
    make_some("alone ", see_alone);
    make_some("beside ", [&](const char* what) {
      see(what);
      see_alone(what);
    });
  }

  // Somebody is in the middle of what is remembered when it changes: what was there all the time is listed once.
  for (int i = 0; i < 3; ++i) expect(names_of(above) == all, "a listing");
  const Stream half(::opendir(above.c_str()), ::closedir);
  expect_done(half != nullptr, "opendir");
  std::multiset<std::string> got;
  while (const struct dirent* entry = ::readdir(half.get())) {
    got.insert(entry->d_name);
    if (got.size() != 300) continue;
    expect_done(make(below + "/between"), "create");
    sleep_milliseconds(3 * kAtOnce);
    Names with = all;
    with.insert("between");
    expect(names_of(above) == with, "what came between");
  }
  got.erase("between");
  expect_equal(static_cast<int64_t>(got.size()), static_cast<int64_t>(all.size()), "names of a listing in the middle of a change");
  expect(Names(got.begin(), got.end()) == all, "the names of a listing in the middle of a change");
}

// The same name again and again, while others look at it; in the end all see what is there.
void see_storm(const std::string& source, const std::string& view) {
  expect_done(::mkdir((source + "/storm").c_str(), 0755) == 0, "mkdir");
  const std::string at = source + "/storm/name", above = view + "/storm/name";
  std::vector<pid_t> lookers;
  for (int i = 0; i < 2; ++i) {
    lookers.push_back(start_as(0, [&] {
      for (const int64_t end = now_milliseconds() + 400; now_milliseconds() < end;)
        (void)seen(above);
    }));
  }
  for (const int64_t end = now_milliseconds() + 300; now_milliseconds() < end;) {
    expect_done(make(at) && rename_with(at, at + "2") && write_file(at, 0, "again") &&
                    ::unlink(at.c_str()) == 0 && rename_with(at + "2", at) &&
                    ::unlink(at.c_str()) == 0,
                "storm");
  }
  expect_done(make(at), "the last");
  expect(within(kLongest, [&] { return seen(above) == seen(at); }),
         "after a storm: " + seen(above));
  wait_for(lookers, "those who look at a storm");
}

// What is told of our own changes costs nobody a second look.
void forget_nothing_of_our_own(const MountedView& served, const std::string& view) {
  const std::string at = view + "/own";
  const auto look_about = [&] {
    for (const char* name : {"", "/a", "/b", "/d", "/l", "/new", "/new/d", "/new/d/f", "/t"}) {
      (void)seen(at + name);
    }
  };
  run_as(kUser, "own changes", [&] {
    make_small_tree(at);
    look_about();
    expect_done(::mkdir((at + "/new").c_str(), 0755) == 0 && rename_with(at + "/d", at + "/new/d") &&
                    ::link((at + "/a").c_str(), (at + "/l").c_str()) == 0 &&
                    ::symlink("a", (at + "/t").c_str()) == 0 && ::unlink((at + "/t").c_str()) == 0,
                "own changes");
    sleep_milliseconds(50);  // what was written to files is told as if it were others'
    look_about();
  });
  const int64_t before = served.requests("LOOKUP");
  run_as(kUser, "own changes", look_about);
  expect_equal(served.requests("LOOKUP") - before, 0, "names to look up again after own changes");
}

// Nobody is told that something hidden has changed: what is remembered of its directory stays.
void tell_nothing_hidden(const MountedView& served, const std::string& source,
                         const std::string& view) {
  const auto requests_after = [&](const std::string& name) {
    run_as(kUser, "look", [&] { (void)seen(view + "/some"); });
    expect_done(make(source + "/some/" + name) &&
                    ::mkdir((source + "/some/build-" + name).c_str(), 0755) == 0,
                "hidden");
    sleep_milliseconds(50);
    const int64_t before = served.requests("GETATTR") + served.requests("LOOKUP");
    run_as(kUser, "look", [&] { (void)seen(view + "/some"); });
    return served.requests("GETATTR") + served.requests("LOOKUP") - before;
  };
  expect_done(::mkdir((source + "/some").c_str(), 0755) == 0, "mkdir");
  run_as(kUser, "look",
         [&] { expect_equal(::access((view + "/some/nothing").c_str(), F_OK), -1, "nothing"); });
  (void)requests_after("a.key");
  expect_equal(requests_after("b.key"), 0, "requests after a hidden name was made");
  expect(requests_after("shown") > 0, "nothing is asked after a visible name was made");
  run_as(kUser, "look",
         [&] { expect(seen(view + "/some/b.key") == "ENOENT", "a hidden name is seen"); });
}

// More changes than the kernel keeps, while the worker does not look at them.
void lose_some(const MountedView& served, const std::string& source, const std::string& view) {
  const std::string at = source + "/many", above = view + "/many";
  run_as(kUser, "before", [&] {
    make_small_tree(at);
    expect(look(above) == look(at), "before");
    sleep_milliseconds(50);
  });
  const pid_t worker = served.worker();
  expect(worker > 0 && ::kill(worker, SIGSTOP) == 0, "the worker");
  constexpr int kMoreThanKept = 17000;
  for (int i = 0; i < kMoreThanKept; ++i) {
    const std::string name = at + "/" + std::to_string(i);
    const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ::close(fd);
    if (i % 16 != 0) ::unlink(name.c_str());
  }
  expect_done(::unlink((at + "/a").c_str()) == 0 && ::chmod((at + "/b").c_str(), 0600) == 0 &&
                  ::chown((at + "/b").c_str(), kUser, kUser) == 0 &&
                  rename_with(at + "/d", at + "/d2"),
              "changes that are lost");
  expect(::kill(worker, SIGCONT) == 0, "the worker");
  run_as(kUser, "lost", [&] {
    expect(within(kLongest, [&] { return look(above) == look(at); }),
           "after changes were lost: " + look(above));
  });
}

// More directories than are watched: the others are remembered for a second.
void look_into_many(const std::string& source, const std::string& view) {
  constexpr int kDirectories = 2500;
  const auto name = [](const std::string& side, int i) {
    return side + "/wide/" + std::to_string(i);
  };
  expect_done(::mkdir((source + "/wide").c_str(), 0755) == 0, "mkdir");
  for (int i = 0; i < kDirectories; ++i) {
    expect_done(::mkdir(name(source, i).c_str(), 0755) == 0 && make(name(source, i) + "/f"),
                "wide");
  }
  for (int i = 0; i < kDirectories; ++i) {
    expect(seen(name(view, i) + "/f") == seen(name(source, i) + "/f"), "wide, before");
  }
  for (int i = 0; i < kDirectories; ++i) {
    expect_done(
        ::chmod((name(source, i) + "/f").c_str(), 0600) == 0 && make(name(source, i) + "/new"),
        "wide");
  }
  const auto all_seen = [&] {
    for (int i = 0; i < kDirectories; ++i) {
      for (const char* file : {"/f", "/new"}) {
        if (seen(name(view, i) + file) != seen(name(source, i) + file)) return false;
      }
    }
    return true;
  };
  expect(within(kUnwatched, all_seen), "in more directories than are watched");
}

// Names and what was told of them, since the last time.
class Listener {
 public:
  Listener() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}
  ~Listener() { ::close(fd_); }
  void watch(const std::string& path) {
    constexpr uint32_t kAll = IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_ATTRIB |
                              IN_DELETE_SELF | IN_MOVE_SELF | IN_CLOSE_WRITE;
    expect(::inotify_add_watch(fd_, path.c_str(), kAll) >= 0, "inotify_add_watch: " + error_name());
  }
  uint32_t told() {
    alignas(struct inotify_event) char buffer[8192];
    uint32_t mask = 0;
    for (ssize_t got; (got = ::read(fd_, buffer, sizeof(buffer))) > 0;) {
      for (ssize_t at = 0; at < got;) {
        struct inotify_event event;
        std::memcpy(&event, buffer + at, sizeof(event));
        mask |= event.mask & ~static_cast<uint32_t>(IN_ISDIR);
        at += static_cast<ssize_t>(sizeof(event) + event.len);
      }
    }
    return mask;
  }

 private:
  int fd_;
};

// What is done through the view is told as of any directory; what is done behind it is not told.
void be_notified(const std::string& source, const std::string& view) {
  expect_done(::mkdir((source + "/told").c_str(), 0755) == 0, "mkdir");
  const std::string below = source + "/told/", above = view + "/told/";
  Listener listener;
  listener.watch(above);
  const auto expect_told = [&](const char* what, uint32_t events) {
    expect_equal(listener.told(), events, std::string("inotify: ") + what);
  };
  expect_done(make(above + "a"), "create");
  expect_told("create and write", IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE);
  expect_done(rename_with(above + "a", above + "b"), "rename");
  expect_told("rename", IN_MOVED_FROM | IN_MOVED_TO);
  expect_done(::chmod((above + "b").c_str(), 0600) == 0, "chmod");
  expect_told("chmod", IN_ATTRIB);
  expect_done(::truncate((above + "b").c_str(), 1) == 0, "truncate");
  expect_told("truncate", IN_MODIFY);
  expect_done(::unlink((above + "b").c_str()) == 0, "unlink");
  expect_told("unlink", IN_DELETE);
  expect_done(::mkdir((above + "d").c_str(), 0755) == 0 && ::rmdir((above + "d").c_str()) == 0,
              "mkdir");
  expect_told("mkdir and rmdir", IN_CREATE | IN_DELETE);
  expect_done(make(below + "c"), "create behind");
  expect(within(kLongest, [&] { return seen(above + "c") == seen(below + "c"); }), "behind");
  expect_done(::chmod((below + "c").c_str(), 0600) == 0 && rename_with(below + "c", below + "e") &&
                  ::unlink((below + "e").c_str()) == 0,
              "behind");
  expect(within(kLongest, [&] { return seen(above + "c") == "ENOENT"; }), "behind");
  expect_told("behind", 0);
}

}  // namespace

void play_watch(Stage& stage) {
  if (stage.options().self_check) return;  // a directory has nothing behind it
  {
    stage.make_directory("watch");
    const auto view = stage.mount({"--coherence", "1d"});
    const std::string below = stage.under() + "/watch/top", above = stage.view() + "/watch/top";
    run_as(kUser, "changes behind", [&] {
      see_each(below, above);
      see_storm(below, above);
      list_again(*view, below, above, true);
      look_into_many(below, above);
      be_notified(below, above);
    });
    forget_nothing_of_our_own(*view, above);
    lose_some(*view, below, above);
    view->expect_passthrough();
  }
  {
    stage.make_directory("hidden");
    const auto view = stage.mount({"--coherence", "1d", "--hide", "*.key", "--hide", "build-*.key/"});
    const std::string below = stage.under() + "/hidden/top", above = stage.view() + "/hidden/top";
    tell_nothing_hidden(*view, below, above);
    run_as(kUser, "listings where names are hidden", [&] { list_again(*view, below, above, false, ".key"); });
  }
  stage.make_directory("everybody");
  const auto view = stage.mount_as("preserve", {"--coherence", "1d"});
  list_again(*view, stage.under() + "/everybody/top", stage.view() + "/everybody/top", false);
}

}  // namespace sluice::model
