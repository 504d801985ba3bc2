// What a server can make the kernel forget, what it waits for, and what of it applications are told
// that watch the view with inotify(7). None of it is in the design's list.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

constexpr mode_t kDirectory = S_IFDIR | 0755;

long ForgetName(const View& view, uint64_t parent, const std::string& name, uint32_t flags) {
  std::string message(sizeof(InvalEntryOut) + name.size() + 1, '\0');
  const InvalEntryOut out = {parent, static_cast<uint32_t>(name.size()), flags};
  memcpy(message.data(), &out, sizeof(out));
  memcpy(message.data() + sizeof(out), name.data(), name.size());
  return view.Notify(kNotifyInvalEntry, message.data(), message.size());
}

long Delete(const View& view, uint64_t parent, uint64_t child, const std::string& name) {
  std::string message(sizeof(DeleteOut) + name.size() + 1, '\0');
  const DeleteOut out = {parent, child, static_cast<uint32_t>(name.size()), 0};
  memcpy(message.data(), &out, sizeof(out));
  memcpy(message.data() + sizeof(out), name.data(), name.size());
  return view.Notify(kNotifyDelete, message.data(), message.size());
}

long Stat(const std::string& path) {
  struct stat attributes;
  return Sys(stat(path.c_str(), &attributes));
}

// A name that only loses its time is looked up again, and stays what it is to who is in it.
KERNEL_TEST(Notify, ExpiredNamesAreLookedUpAgain) {
  View view;
  Node& directory = view.Add("directory", kDirectory);
  EXPECT_EQ(Err(Stat(view.Path("directory"))), "OK");
  const uint32_t before = view.Seen(kLookup);
  EXPECT_EQ(Err(Stat(view.Path("directory"))), "OK");
  EXPECT_EQ(view.Seen(kLookup), before) << "remembered";
  EXPECT_EQ(As({},
               [&]() -> long {
                 Must(Sys(chdir(view.Path("directory").c_str())), "chdir");
                 Must(ForgetName(view, kRoot, "directory", kExpireOnly), "notify");
                 char name[4096];
                 if (getcwd(name, sizeof(name)) == nullptr) return -errno;
                 return Stat(".");
               }),
            0)
      << "the working directory is still there";
  EXPECT_EQ(Err(Stat(view.Path("directory"))), "OK");
  EXPECT_EQ(view.Seen(kLookup), before + 1);
  EXPECT_EQ(Err(ForgetName(view, kRoot, "absent", kExpireOnly)), "ENOENT");
  EXPECT_EQ(directory.parent, kRoot);
}

// Without that flag a working directory is lost to who is in it, although it is still there.
KERNEL_TEST(Notify, ForgottenNamesLoseTheirDirectory) {
  View view;
  view.Add("directory", kDirectory);
  EXPECT_EQ(Err(As({},
                   [&]() -> long {
                     Must(Sys(chdir(view.Path("directory").c_str())), "chdir");
                     Must(ForgetName(view, kRoot, "directory", 0), "notify");
                     char name[4096];
                     return getcwd(name, sizeof(name)) == nullptr ? -errno : 0;
                   })),
            "ENOENT");
}

// Who makes the kernel forget a name waits for the lock of its directory, which is held by who
// waits for an answer: the thread that answers must not.
KERNEL_TEST(Notify, ForgettingANameWaitsForItsDirectory) {
  View view;
  view.Add("file");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "OK");
  view.Answer(kMkdir, kNever);
  const Child maker([&] { return Sys(mkdir(view.Path("new").c_str(), 0755)); });
  ASSERT_TRUE(Eventually([&] { return view.Seen(kMkdir) == 1; }));
  const Child forgetter([&] { return ForgetName(view, kRoot, "file", kExpireOnly); });
  EXPECT_FALSE(forgetter.Ended(kBlockedMs));
  ASSERT_EQ(Err(view.Abort()), "OK");
  EXPECT_TRUE(forgetter.Ended(kSoonMs));
}

// ... and cannot be killed meanwhile. What its process had open is closed all the same, where the thread that
// waits has descriptors of its own.
KERNEL_TEST(Notify, WhoWaitsForADirectoryIsNotKilled) {
  View view;
  view.Add("file");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "OK");
  view.Answer(kMkdir, kNever);
  const Child maker([&] { return Sys(mkdir(view.Path("new").c_str(), 0755)); });
  ASSERT_TRUE(Eventually([&] { return view.Seen(kMkdir) == 1; }));
  int ends[2];
  Must(Sys(pipe2(ends, O_CLOEXEC)), "pipe2");
  const Fd hears(ends[0]);
  Fd speaks(ends[1]);
  Must(Sys(dup2(view.dev(), 3)), "dup2");
  const Child forgetter([&] {
    std::thread([&] {
      Must(Sys(close_range(4, ~0U, CLOSE_RANGE_UNSHARE)), "close_range");
      std::string message(sizeof(OutHeader) + sizeof(InvalEntryOut) + 5, '\0');
      const OutHeader header = {static_cast<uint32_t>(message.size()), kNotifyInvalEntry, 0};
      const InvalEntryOut out = {kRoot, 4, kExpireOnly};
      memcpy(message.data(), &header, sizeof(header));
      memcpy(message.data() + sizeof(header), &out, sizeof(out));
      memcpy(message.data() + sizeof(header) + sizeof(out), "file", 4);
      (void)!write(3, message.data(), message.size());
    }).join();
    return 0;
  });
  speaks.Close();
  EXPECT_FALSE(forgetter.Ended(kBlockedMs));
  forgetter.Kill();
  char byte;
  EXPECT_EQ(Sys(read(hears.get(), &byte, 1)), 0) << "closed";
  EXPECT_FALSE(forgetter.Ended(kBlockedMs)) << "although it is still there";
  ASSERT_EQ(Err(view.Abort()), "OK");
  EXPECT_TRUE(forgetter.Ended(kSoonMs));
}

// ... but not who makes it forget all names, or attributes.
KERNEL_TEST(Notify, ForgettingAllNamesWaitsForNobody) {
  NeedKernel(6, 16, "FUSE_NOTIFY_INC_EPOCH");
  View view;
  Node& file = view.Add("file");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "OK");
  view.Answer(kMkdir, kNever);
  const Child maker([&] { return Sys(mkdir(view.Path("new").c_str(), 0755)); });
  ASSERT_TRUE(Eventually([&] { return view.Seen(kMkdir) == 1; }));
  Child forgetter([&] {
    Must(view.Notify(kNotifyIncEpoch, nullptr, 0), "notify");
    const InvalInodeOut attributes = {file.id, -1, 0};
    return view.Notify(kNotifyInvalInode, &attributes, sizeof(attributes));
  });
  ASSERT_TRUE(forgetter.Ended(kSoonMs));
  EXPECT_EQ(Err(forgetter.Result()), "OK");
  ASSERT_EQ(Err(view.Abort()), "OK");
}

KERNEL_TEST(Notify, AllNamesAreLookedUpAgain) {
  NeedKernel(6, 16, "FUSE_NOTIFY_INC_EPOCH");
  View view;
  view.Add("file");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "OK");
  const uint32_t before = view.Seen(kLookup);
  EXPECT_EQ(Err(view.Notify(kNotifyIncEpoch, nullptr, 0)), "OK");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "OK");
  EXPECT_GT(view.Seen(kLookup), before);
}

// Attributes that the kernel is told to forget while it waits for them do not arrive. Of the root
// it has none before the first: nobody is let in.
KERNEL_TEST(Notify, ForgettingMeetsAttributesOnTheirWay) {
  Options options;
  options.user = kAlice;
  options.handlers[kGetattr] = [](const Request& request) {
    const InvalInodeOut what = {kRoot, -1, 0};
    struct {
      OutHeader header;
      InvalInodeOut what;
    } notice = {{sizeof(notice), kNotifyInvalInode, 0}, what};
    Must(Sys(write(request.dev, &notice, sizeof(notice))), "notify");
    AttrOut out = {};
    out.attr_valid = 100;
    out.attr.ino = kRoot;
    out.attr.mode = S_IFDIR | 0755;
    out.attr.nlink = 2;
    out.attr.uid = out.attr.gid = kAlice;
    request.Reply(out);
  };
  View view(options);
  EXPECT_EQ(Err(As({kAlice}, [&] { return TryOpen(view.Path(), O_RDONLY | O_DIRECTORY); })),
            "EACCES");
}

// What a watch of inotify's is told, since the last time.
uint32_t Told(int inotify) {
  uint32_t mask = 0;
  alignas(inotify_event) char buffer[4096];
  for (ssize_t got; (got = read(inotify, buffer, sizeof(buffer))) > 0;) {
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      memcpy(&event, buffer + at, sizeof(event));
      mask |= event.mask;
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
  return mask;
}

// Of all that a server can tell the kernel, a watch on a directory is told nothing; one on the file
// itself that it is gone, if the server says so by its number.
KERNEL_TEST(Notify, WatchesAreToldOfRemovalsOnly) {
  View view;
  Node& file = view.Add("file");
  const Fd directory(Must(Sys(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), "inotify_init1"));
  const Fd itself(Must(Sys(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), "inotify_init1"));
  Must(Sys(inotify_add_watch(directory.get(), view.Path().c_str(),
                             IN_ALL_EVENTS & ~(IN_OPEN | IN_ACCESS))),
       "inotify_add_watch");
  Must(Sys(inotify_add_watch(itself.get(), view.Path("file").c_str(), IN_ALL_EVENTS)),
       "inotify_add_watch");
  const auto told_nothing = [&] { return Told(directory.get()) == 0 && Told(itself.get()) == 0; };
  EXPECT_EQ(Err(ForgetName(view, kRoot, "file", kExpireOnly)), "OK");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "OK");
  EXPECT_TRUE(told_nothing()) << "a name that lost its time";
  EXPECT_EQ(Err(view.Invalidate(file)), "OK");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "OK");
  EXPECT_TRUE(told_nothing()) << "attributes";
  if (KernelAtLeast(6, 16)) {
    EXPECT_EQ(Err(view.Notify(kNotifyIncEpoch, nullptr, 0)), "OK");
    EXPECT_EQ(Err(Stat(view.Path("file"))), "OK");
    EXPECT_TRUE(told_nothing()) << "all names";
  }
  EXPECT_EQ(Err(Delete(view, kRoot, file.id, "file")), "OK");
  EXPECT_EQ(Told(directory.get()), 0u) << "a removal, in its directory";
  EXPECT_EQ(Told(itself.get()), static_cast<uint32_t>(IN_DELETE_SELF | IN_IGNORED));
}

}  // namespace
}  // namespace kerneltest
