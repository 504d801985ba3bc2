// Whom a worker under the attacker's control holds up by dying, by silence or by being stopped.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <memory>
#include <vector>

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

IN_EACH_MODE(TakenOverWaiting);

constexpr int kFreeMilliseconds = 2000;
// Until a view's workers are given up, of many views at once.
constexpr int kGivenUpMilliseconds = 15'000;

// What an application does, once each, whatever comes of it.
long use_everything(const AttackedView& view) {
  struct stat stat;
  struct statvfs space;
  char text[64];
  const std::string file = view.path("file");
  ::stat(file.c_str(), &stat);
  ::statvfs(file.c_str(), &space);
  (void)!::readlink(view.path("link").c_str(), text, sizeof(text));
  ::getxattr(file.c_str(), "user.a", text, sizeof(text));
  ::listxattr(file.c_str(), text, sizeof(text));
  ::chmod(file.c_str(), 0600);
  ::mkdir(view.path("new-dir").c_str(), 0700);
  ::unlink(file.c_str());
  ::rename(file.c_str(), view.path("new-name").c_str());
  (void)!::link(file.c_str(), view.path("new-link").c_str());
  ::close(::open(view.path("new-file").c_str(), O_CREAT | O_EXCL | O_RDWR, 0600));
  const int fd = ::open(file.c_str(), O_RDWR);
  ::fsync(fd);
  ::close(fd);
  if (DIR* directory = ::opendir(view.path("dir").c_str())) {
    ::readdir(directory);
    ::closedir(directory);
  }
  return 0;
}

struct Step {
  const char* name;
  int opcode;
};
constexpr Step kSteps[] = {
    {"LOOKUP", 1},      {"SETATTR", 4},   {"READLINK", 5},    {"MKDIR", 9},   {"UNLINK", 10},
    {"RENAME", 12},     {"LINK", 13},     {"OPEN", 14},       {"STATFS", 17}, {"RELEASE", 18},
    {"FSYNC", 20},      {"GETXATTR", 22}, {"LISTXATTR", 23},  {"FLUSH", 25},  {"OPENDIR", 27},
    {"RELEASEDIR", 29}, {"CREATE", 35},   {"READDIRPLUS", 44}};

void expect_undisturbed(const AttackedView& other, const char* while_what) {
  Child reader([&] {
    kerneltest::Become({kViewer});
    return kerneltest::ReadFile(other.path("plain")) == "plain" ? 0L : -EIO;
  });
  EXPECT_TRUE(reader.Ended(kFreeMilliseconds)) << "another view is held up: " << while_what;
}

// A worker that dies each time takes its view along in the end: whoever waited for it is free.
TEST_P(TakenOverWaiting, DyingAtEachRequest) {
  RunContained([] {
    const Service service(GetParam());
    std::vector<std::unique_ptr<AttackedView>> views;
    std::vector<std::unique_ptr<Child>> clients;
    for (const Step& step : kSteps) {
      views.push_back(std::make_unique<AttackedView>(service, "serve die " + std::to_string(step.opcode)));
      clients.push_back(std::make_unique<Child>([&, view = views.back().get()] {
        kerneltest::Become({kViewer});
        return use_everything(*view);
      }));
    }
    for (size_t i = 0; i < views.size(); ++i) {
      EXPECT_TRUE(clients[i]->Ended(kGivenUpMilliseconds)) << kSteps[i].name;
      EXPECT_TRUE(views[i]->says("reached")) << kSteps[i].name;
      EXPECT_TRUE(views[i]->ended()) << kSteps[i].name;
    }
  });
}

// A worker that does not answer holds its clients until the view is taken off, and nobody else.
TEST_P(TakenOverWaiting, NeverAnswering) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView other(service, "");
    for (const Step& step : kSteps) {
      const AttackedView view(service, "serve mute " + std::to_string(step.opcode));
      Child client([&] {
        kerneltest::Become({kViewer});
        return use_everything(view);
      });
      EXPECT_TRUE(view.says("reached")) << step.name;
      EXPECT_EQ(view.unmount_by_force(), 0) << step.name;
      EXPECT_TRUE(client.Ended(kFreeMilliseconds)) << step.name;
    }
    expect_undisturbed(other, "requests that are not answered");
  });
}

// The same of a worker that is stopped; and the host's sync(2) does not wait for it.
TEST_P(TakenOverWaiting, Stopped) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView other(service, "");
    const AttackedView view(service, "serve honest");
    EXPECT_EQ(As({kViewer}, [&] { return Sys(::access(view.path("plain").c_str(), F_OK)); }), 0);
    ASSERT_EQ(::kill(service.view(view.name()).worker_pid, SIGSTOP), 0);
    Child client([&] {
      kerneltest::Become({kViewer});
      return use_everything(view);
    });
    EXPECT_FALSE(client.Ended(100)) << "the worker was not stopped: the test shows nothing";
    Child host([&] {
      const kerneltest::Fd root = kerneltest::Open(view.path(), O_PATH);
      ::sync();
      return 0L;
    });
    expect_undisturbed(other, "a stopped worker");
    EXPECT_EQ(service.views().size(), 2u);
    EXPECT_TRUE(host.Ended(5000)) << "sync(2) waits for a stopped worker";
    EXPECT_EQ(view.unmount_by_force(), 0);
    EXPECT_TRUE(client.Ended(kFreeMilliseconds));
  });
}

// Unmounted, a view ends also where its worker does not: nothing of it stays, nor its place.
TEST_P(TakenOverWaiting, NotEndingWithItsConnection) {
  RunContained([] {
    const Service service(GetParam());
    const AttackedView view(service, "serve honest");
    EXPECT_EQ(As({kViewer}, [&] { return Sys(::access(view.path("plain").c_str(), F_OK)); }), 0);
    ASSERT_EQ(::kill(service.view(view.name()).worker_pid, SIGSTOP), 0);
    ASSERT_EQ(::umount2(view.path().c_str(), MNT_DETACH), 0);
    EXPECT_TRUE(view.ended());
    EXPECT_TRUE(service.logs("unmounted"));
  });
}

}  // namespace
}  // namespace sluice::adversary
