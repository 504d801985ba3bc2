// Each operation, with the worker killed at each of its steps: the result is that of a plain directory, once.
//
// Needs a worker that is built to die at a step (worker/step.h): it is told of at which by a name that is looked up.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/small_tree.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/tree.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

// Of one view; the service gives up on a view whose worker keeps ending, and waits longer each time.
constexpr int kDeathsOfAView = 10;
constexpr int kMostSteps = 400;

std::string said(long result) { return result < 0 ? error_name() : std::to_string(result); }

struct Descriptor {
  int fd;
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

int open_at(const std::string& path, int flags, mode_t mode = 0600) {
  return ::open(path.c_str(), flags | O_CLOEXEC, mode);
}

std::string write_and_read(int fd, const std::string& text) {
  if (fd < 0) return error_name();
  const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
  struct stat stat {};
  if (written < 0 || ::fsync(fd) < 0 || ::fstat(fd, &stat) < 0) return error_name();
  return std::to_string(stat.st_size) + " " + std::to_string(stat.st_nlink);
}

// In a directory with the files a and b of some bytes, a directory `sub`, and an attribute on a.
struct Act {
  const char* name;
  std::string (*run)(const std::string& at);
};

const Act kActs[] = {
    {"mkdir", [](const std::string& at) { return said(::mkdir((at + "/new").c_str(), 0750)); }},
    {"mkdir of what is there", [](const std::string& at) { return said(::mkdir((at + "/sub").c_str(), 0750)); }},
    {"mknod", [](const std::string& at) { return said(::mknod((at + "/new").c_str(), S_IFREG | 0640, 0)); }},
    {"whiteout", [](const std::string& at) { return said(::mknod((at + "/new").c_str(), S_IFCHR | 0640, 0)); }},
    {"mkfifo", [](const std::string& at) { return said(::mkfifo((at + "/new").c_str(), 0640)); }},
    {"symlink", [](const std::string& at) { return said(::symlink("a", (at + "/new").c_str())); }},
    {"link", [](const std::string& at) { return said(::link((at + "/a").c_str(), (at + "/new").c_str())); }},
    {"link onto what is there",
     [](const std::string& at) { return said(::link((at + "/a").c_str(), (at + "/b").c_str())); }},
    {"create", [](const std::string& at) {
       const Descriptor file(open_at(at + "/new", O_CREAT | O_EXCL | O_RDWR, 0640));
       return write_and_read(file.fd, "new");
     }},
    {"create, for nobody", [](const std::string& at) {
       const Descriptor file(open_at(at + "/new", O_CREAT | O_EXCL | O_RDWR, 0));
       return write_and_read(file.fd, "new");
     }},
    {"create, without O_EXCL", [](const std::string& at) {
       const Descriptor file(open_at(at + "/new", O_CREAT | O_TRUNC | O_RDWR, 0400));
       return write_and_read(file.fd, "new");
     }},
    {"unlink", [](const std::string& at) { return said(::unlink((at + "/a").c_str())); }},
    {"rmdir", [](const std::string& at) { return said(::rmdir((at + "/sub").c_str())); }},
    {"rename", [](const std::string& at) { return said(::rename((at + "/a").c_str(), (at + "/new").c_str())); }},
    {"rename onto a file", [](const std::string& at) { return said(::rename((at + "/a").c_str(), (at + "/b").c_str())); }},
    {"rename of a directory",
     [](const std::string& at) { return said(::rename((at + "/sub").c_str(), (at + "/new").c_str())); }},
    {"rename, no replacement",
     [](const std::string& at) { return said(rename_with(at + "/a", at + "/new", RENAME_NOREPLACE) ? 0 : -1); }},
    {"exchange", [](const std::string& at) { return said(rename_with(at + "/a", at + "/b", RENAME_EXCHANGE) ? 0 : -1); }},
    {"setxattr, new", [](const std::string& at) {
       return said(::setxattr((at + "/b").c_str(), "user.new", "v", 1, XATTR_CREATE));
     }},
    {"setxattr, new, there", [](const std::string& at) {
       return said(::setxattr((at + "/a").c_str(), "user.old", "v", 1, XATTR_CREATE));
     }},
    {"setxattr, in place", [](const std::string& at) {
       return said(::setxattr((at + "/a").c_str(), "user.old", "v", 1, XATTR_REPLACE));
     }},
    {"removexattr", [](const std::string& at) { return said(::removexattr((at + "/a").c_str(), "user.old")); }},
    {"chmod", [](const std::string& at) { return said(::chmod((at + "/a").c_str(), 0604)); }},
    {"truncate", [](const std::string& at) { return said(::truncate((at + "/a").c_str(), 1)); }},
    {"open and empty", [](const std::string& at) {
       const Descriptor file(open_at(at + "/a", O_RDWR | O_TRUNC));
       return write_and_read(file.fd, "1");
     }},
    {"open twice, write, close one", [](const std::string& at) {
       const Descriptor first(open_at(at + "/a", O_RDWR));
       {
         const Descriptor second(open_at(at + "/a", O_WRONLY));
         if (second.fd < 0 || ::pwrite(second.fd, "12", 2, 0) != 2) return error_name();
       }
       return write_and_read(first.fd, "3");
     }},
    {"open and unlink", [](const std::string& at) {
       const Descriptor file(open_at(at + "/a", O_RDWR));
       if (file.fd < 0 || ::unlink((at + "/a").c_str()) < 0) return error_name();
       if (::ftruncate(file.fd, 2) < 0 || ::fchmod(file.fd, 0640) < 0) return error_name();
       return write_and_read(file.fd, "unlinked");
     }},
    {"a nameless file", [](const std::string& at) {
       const Descriptor file(open_at(at, O_TMPFILE | O_RDWR, 0640));
       const std::string result = write_and_read(file.fd, "nameless");
       const std::string path = "/proc/self/fd/" + std::to_string(file.fd);
       return result + " " + said(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, (at + "/new").c_str(), AT_SYMLINK_FOLLOW));
     }},
    {"list and remove", [](const std::string& at) {
       DIR* directory = ::opendir(at.c_str());
       if (directory == nullptr) return error_name();
       std::vector<std::string> names;
       for (const dirent* entry; (entry = ::readdir(directory)) != nullptr;) {
         names.emplace_back(entry->d_name);
         if (names.back() == "b") ::unlink((at + "/b").c_str());
       }
       ::closedir(directory);
       return std::to_string(names.size());
     }},
};

// By root, in a view that makes device nodes: the broker has made one, or has not, when the worker dies.
const Act kDeviceActs[] = {
    {"a character device", [](const std::string& at) {
       return said(::mknod((at + "/new").c_str(), S_IFCHR | 0640, makedev(1, 3)));
     }},
    {"a block device", [](const std::string& at) {
       return said(::mknod((at + "/new").c_str(), S_IFBLK | 0604, makedev(7, 300)));
     }},
    {"a device where something is",
     [](const std::string& at) { return said(::mknod((at + "/a").c_str(), S_IFCHR | 0640, makedev(1, 3))); }},
    {"a device that is moved, linked and removed", [](const std::string& at) {
       const std::string made = at + "/new", moved = at + "/moved", linked = at + "/linked";
       if (::mknod(made.c_str(), S_IFCHR | 0640, makedev(1, 5)) < 0 || ::rename(made.c_str(), moved.c_str()) < 0) return error_name();
       if (::link(moved.c_str(), linked.c_str()) < 0 || ::chmod(linked.c_str(), 0600) < 0) return error_name();
       return said(::unlink(moved.c_str()));
     }},
};

bool prepare(const std::string& at) {
  return ::mkdir(at.c_str(), 0755) == 0 && ::mkdir((at + "/sub").c_str(), 0700) == 0 &&
         write_file(at + "/a", O_EXCL, "of a") && write_file(at + "/b", O_EXCL, "of b") &&
         ::setxattr((at + "/a").c_str(), "user.old", "old", 3, 0) == 0;
}

// What a look-up of the name says: whether a step was still to come.
int arm(const std::string& view, int step) {
  struct stat stat {};
  return ::lstat((view + "/.die-at-step-" + std::to_string(step)).c_str(), &stat) == 0 ? 0 : errno;
}

struct Place {
  int act = 0;
  int step = 1;
  int deaths = 0;  // in all
};

// How a view is mounted, and what is compared with a plain directory.
struct Kind {
  std::string identity = std::to_string(kUser);
  std::vector<std::string> options{};
  bool by_source = false;  // the view's source: rules show directories otherwise than they are
  const char* without = "";  // an act that this view cannot do
  std::span<const Act> acts = kActs;
  uid_t user = kUser;
};

// In a view of its own, until so many workers have died. seen: the view, or its source. False: there is nothing more.
bool play_some(const std::string& plain, const std::string& view, const std::string& seen, const Kind& kind, Place& place) {
  int deaths = 0;
  while (static_cast<size_t>(place.act) < kind.acts.size()) {
    const Act& act = kind.acts[static_cast<size_t>(place.act)];
    if (act.name == std::string(kind.without)) {
      ++place.act;
      continue;
    }
    const std::string name = "/" + std::to_string(place.act) + "-" + std::to_string(place.step);
    const std::string what = std::string(act.name) + ", step " + std::to_string(place.step);
    expect(prepare(plain + name) && prepare(view + name), what + ": prepared");
    const std::string wanted = act.run(plain + name);
    (void)arm(view, place.step);
    const std::string got = act.run(view + name);
    const bool died = arm(view, 0) != EBUSY;
    expect(got == wanted, what + ": said " + got + ", and a plain directory " + wanted);
    const std::string differs = differences(tree_of(plain + name), tree_of(seen + name), "plain", "view");
    expect(differs.empty(), what + ":\n" + differs);
    ++place.step;
    if (!died || place.step > kMostSteps) {
      expect(!died, what + ": has an end");
      place = {place.act + 1, 1, place.deaths};
    } else if (++place.deaths; ++deaths == kDeathsOfAView) {
      return true;
    }
  }
  return false;
}

void play_kind(Stage& stage, const Kind& kind) {
  Place place;
  int views = 0;
  stage.make_directory("steps");
  for (bool more = true; more;) {
    const int before = failures();
    const auto view = stage.mount_as(kind.identity, kind.options);
    const int files = view->files_of_broker();  // none of the source's
    int ends[2];
    if (::pipe(ends) < 0) std::abort();
    run_as(kind.user, "steps", [&] {
      const std::string top = "/steps/top";
      const std::string seen = kind.by_source ? stage.under() : stage.view();
      more = play_some(stage.plain() + top, stage.view() + top, seen + top, kind, place);
      const ssize_t sent = ::write(ends[1], &place, sizeof(place));
      expect(sent == sizeof(place) && ::write(ends[1], &more, sizeof(more)) == sizeof(more), "the place is told");
    });
    ::close(ends[1]);
    const bool told = ::read(ends[0], &place, sizeof(place)) == sizeof(place) && ::read(ends[0], &more, sizeof(more)) == sizeof(more);
    ::close(ends[0]);
    if (!told || failures() - before > 5) break;
    // Some are kept for a while after the last close: not waited for each time.
    if (++views % 8 == 1 || !more) {
      expect(within(4000, [&] { return view->files_of_broker() == files; }), "no file stays granted");
    }
    view->expect_passthrough();
  }
  std::printf("%d deaths\n", place.deaths);
  expect(place.deaths > 3 * static_cast<int>(kind.acts.size()), "workers died");
}

}  // namespace

void play_steps(Stage& stage) { play_kind(stage, {}); }

void play_steps_hidden(Stage& stage) { play_kind(stage, {.options = {"--hide", "*.hidden"}, .by_source = true}); }

void play_steps_preserved(Stage& stage) {
  play_kind(stage, {.identity = "preserve", .without = "a nameless file"});  // it would belong to the broker's user
}

void play_steps_devices(Stage& stage) {
  play_kind(stage, {.identity = "preserve", .options = {"--device-nodes"}, .acts = kDeviceActs, .user = 0});
}

}  // namespace sluice::model
