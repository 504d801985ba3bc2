// What a peer under an attacker's control asks of the service, and does not get.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <vector>

#include "core/limits.h"
#include "core/reason_text.h"
#include "live.h"
#include "os/channel.h"
#include "os/mount.h"
#include "os/socket.h"

namespace sluice::adversary {
namespace {

using core::Limits;
using core::Reason;
using wire::Hello;
using wire::HelloKind;

class ServiceAttack : public ::testing::Test {
 protected:
  ServiceAttack() { tree.write(tree.path("plain"), "plain"); }

  // A hello of that user's about the tree.
  Answer mount(const LiveService& to, uint32_t uid, const Hello& hello) {
    const os::Fd source = bare(tree.path());
    const int fd = source.get();
    return LiveService::ask(to.connect(uid).get(), hello, {&fd, 1});
  }
  void refused(const Answer& answer, Reason reason) {
    EXPECT_FALSE(answer.mount) << "a view was made";
    EXPECT_EQ(core::reason_name(answer.reason), core::reason_name(reason));
  }
  static Hello own_hello() {
    Hello hello = honest_hello();
    hello.named_identity = false;
    hello.uid = hello.gid = 0;
    hello.groups = {};
    return hello;
  }
  bool serves(const LiveService& service) {
    const Answer answer = LiveService::ask(service.connect(kOther).get(), Hello{});
    return answer.error == 0;
  }
  static bool hung_up(int peer, int milliseconds) {
    struct pollfd entry {peer, POLLIN, 0};
    return ::poll(&entry, 1, milliseconds) > 0;
  }

  Tree tree;
};

// The way that is open, so that the refusals below mean something.
TEST_F(ServiceAttack, AnHonestPeerIsServed) {
  LiveService service;
  const LiveView view(service, tree.path());
  ASSERT_TRUE(view.up()) << core::reason_name(view.answer().reason) << service.log();
  EXPECT_EQ(as_user(kUser, [&] { return outcome(::open(view.path("plain").c_str(), O_RDWR)); }), 0);
  ASSERT_TRUE(LiveView(service, tree.path(), own_hello(), kUser).up());
}

// ---- Who ----

TEST_F(ServiceAttack, AViewAsAnotherUser) {
  LiveService service;
  refused(mount(service, kOther, honest_hello()), Reason::kNotPermitted);
}
TEST_F(ServiceAttack, AViewAsRoot) {
  LiveService service;
  Hello hello = honest_hello();
  hello.uid = hello.gid = 0;
  refused(mount(service, 0, hello), Reason::kIdentityRoot);
  refused(mount(service, 0, own_hello()), Reason::kIdentityRoot);
  refused(mount(service, kUser, hello), Reason::kNotPermitted);
}
// To setresuid(2) and its kin the largest number means "as it is": root's, here.
TEST_F(ServiceAttack, TheIdThatMeansNone) {
  LiveService service;
  for (uint32_t Hello::*id : {&Hello::uid, &Hello::gid}) {
    Hello hello = honest_hello();
    hello.*id = ~0u;
    refused(mount(service, 0, hello), Reason::kProtocol);
  }
  Hello hello = honest_hello();
  hello.groups = {~0u};
  refused(mount(service, 0, hello), Reason::kProtocol);
}
TEST_F(ServiceAttack, TotalsOfEverybody) {
  LiveService service;
  Hello hello;
  hello.kind = HelloKind::kTotals;
  EXPECT_EQ(core::reason_name(LiveService::ask(service.connect(0).get(), hello).reason), "none");
  EXPECT_EQ(core::reason_name(LiveService::ask(service.connect(kUser).get(), hello).reason), "not-permitted");
}
TEST_F(ServiceAttack, RootAsItself) {
  LiveService service;
  refused(mount(service, 0, own_hello()), Reason::kIdentityRoot);
}
TEST_F(ServiceAttack, EveryOwnersFilesForAUser) {
  LiveService service({"--preserve"});
  Hello hello = own_hello();
  hello.preserve = true;
  refused(mount(service, kUser, hello), Reason::kNotPermitted);
}
TEST_F(ServiceAttack, EveryOwnersFilesWhereItIsNotAllowed) {
  LiveService service;
  Hello hello = own_hello();
  hello.preserve = true;
  refused(mount(service, 0, hello), Reason::kNotPermitted);
}
TEST_F(ServiceAttack, DeviceNodesWhereTheyAreNotAllowed) {
  ASSERT_EQ(::mount(tree.path().c_str(), tree.path().c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, tree.path().c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_NODEV, nullptr), 0);
  Hello hello = own_hello();
  hello.preserve = hello.device_nodes = true;
  {
    LiveService service({"--preserve"});
    refused(mount(service, 0, hello), Reason::kNotPermitted);
  }
  {
    LiveService service({"--preserve", "--device-nodes"});
    refused(mount(service, kUser, hello), Reason::kNotPermitted);
    EXPECT_TRUE(mount(service, 0, hello).mount) << service.log();
    hello.read_only = true;
    refused(mount(service, 0, hello), Reason::kProtocol);
  }
  ASSERT_EQ(::umount2(tree.path().c_str(), MNT_DETACH), 0);
}
// Whoever comes to them as the administrator does could open them.
TEST_F(ServiceAttack, DeviceNodesOfAMountThatOpensThem) {
  LiveService service({"--preserve", "--device-nodes"});
  Hello hello = own_hello();
  hello.preserve = hello.device_nodes = true;
  refused(mount(service, 0, hello), Reason::kDeviceNodes);
  // So of what is grafted to be written; and not of what is grafted to be read.
  ASSERT_EQ(::mkdir(tree.path("nodev").c_str(), 0755), 0);
  ASSERT_EQ(::mount("tmpfs", tree.path("nodev").c_str(), "tmpfs", MS_NODEV, ""), 0);
  ASSERT_EQ(::mkdir(tree.path("nodev/lib").c_str(), 0755), 0);
  const os::Fd source = bare(tree.path("nodev")), graft = bare(tree.path());
  const int fds[] = {source.get(), graft.get()};
  hello.grafts = {{"lib", false}};
  refused(LiveService::ask(service.connect(0).get(), hello, fds), Reason::kDeviceNodes);
  hello.grafts = {{"lib", true}};
  EXPECT_TRUE(LiveService::ask(service.connect(0).get(), hello, fds).mount) << service.log();
  ASSERT_EQ(::umount2(tree.path("nodev").c_str(), MNT_DETACH), 0);
}
// Its groups are the kernel's word.
TEST_F(ServiceAttack, GroupsOfSomebodyElse) {
  LiveService service;
  Hello hello = honest_hello();
  hello.groups = {0, kGroup};
  const LiveView view(service, tree.path(), hello, kUser);
  ASSERT_TRUE(view.up());
  struct stat stat;
  const std::string status = "/proc/" + std::to_string(view.worker()) + "/status";
  ASSERT_EQ(::stat(status.c_str(), &stat), 0);
  FILE* file = ::fopen(status.c_str(), "r");
  char line[512];
  bool seen = false;
  while (::fgets(line, sizeof(line), file) != nullptr) {
    if (std::strncmp(line, "Groups:", 7) != 0) continue;
    seen = true;
    EXPECT_EQ(std::strstr(line, std::to_string(kGroup).c_str()), nullptr) << line;
  }
  ::fclose(file);
  EXPECT_TRUE(seen);
}

// ---- The source ----

TEST_F(ServiceAttack, ADescriptorThatIsNoBarePath) {
  LiveService service;
  const int fd = ::open(tree.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  refused(LiveService::ask(service.connect(kUser).get(), own_hello(), {&fd, 1}), Reason::kSourceNotPathFd);
  ::close(fd);
}
TEST_F(ServiceAttack, ASourceOfAnotherKind) {
  LiveService service;
  for (const char* path : {"/proc", "/sys/kernel"}) {
    const os::Fd source = bare(path);
    const int fd = source.get();
    refused(LiveService::ask(service.connect(kUser).get(), own_hello(), {&fd, 1}), Reason::kSourceFilesystem);
  }
}
TEST_F(ServiceAttack, AViewOfAView) {
  LiveService service({"--preserve"});
  Hello hello = honest_hello();
  hello.preserve = true;
  const LiveView view(service, tree.path(), hello);
  ASSERT_TRUE(view.up());
  const os::Fd source = bare(view.path());
  const int fd = source.get();
  refused(LiveService::ask(service.connect(0).get(), honest_hello(), {&fd, 1}), Reason::kSourceStacked);
}
TEST_F(ServiceAttack, ASourceThatIsNoDirectory) {
  LiveService service;
  const os::Fd source = bare(tree.path("plain"));
  const int fd = source.get();
  refused(LiveService::ask(service.connect(kUser).get(), own_hello(), {&fd, 1}), Reason::kSourceNotDirectory);
}

// ---- Messages ----

TEST_F(ServiceAttack, NoDescriptorWhereOneBelongs) {
  LiveService service;
  const Answer answer = LiveService::ask(service.connect(kUser).get(), own_hello());
  EXPECT_EQ(core::reason_name(answer.reason), core::reason_name(Reason::kProtocol));
  EXPECT_TRUE(serves(service));
}
TEST_F(ServiceAttack, ADescriptorWhereNoneBelongs) {
  LiveService service;
  const os::Fd source = bare(tree.path());
  const int fd = source.get();
  const Answer answer = LiveService::ask(service.connect(kUser).get(), Hello{}, {&fd, 1});
  EXPECT_EQ(core::reason_name(answer.reason), core::reason_name(Reason::kProtocol));
}
TEST_F(ServiceAttack, MoreDescriptorsThanBelong) {
  LiveService service;
  const os::Fd source = bare(tree.path());
  const int fds[] = {source.get(), source.get(), source.get()};
  const Answer answer = LiveService::ask(service.connect(kUser).get(), own_hello(), fds);
  refused(answer, Reason::kProtocol);
}
TEST_F(ServiceAttack, AViewOfNothing) {
  LiveService service;
  Hello hello = own_hello();
  hello.no_source = true;
  refused(LiveService::ask(service.connect(kUser).get(), hello), Reason::kProtocol);
}
// As many as belong arrive, since no more fit: that there were others must not be overlooked.
TEST_F(ServiceAttack, MoreDescriptorsThanFit) {
  LiveService service;
  const os::Fd peer = service.connect(kUser);
  const os::Fd source = bare(tree.path());
  Hello hello = own_hello();
  for (size_t i = 0; i < core::kMostGrafts; ++i) {
    hello.grafts.push_back({std::string(1, static_cast<char>('a' + i)), false});
    ASSERT_EQ(::mkdir(tree.path(hello.grafts.back().at).c_str(), 0755), 0);
  }
  const std::vector<uint8_t> bytes = wire::encode_hello(hello);
  const std::vector<int> fds(1 + core::kMostGrafts + 1, source.get());
  struct iovec piece {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  ASSERT_GT(::sendmsg(peer.get(), &message, MSG_NOSIGNAL), 0);
  refused(LiveService::receive(peer.get(), false), Reason::kProtocol);
}
TEST_F(ServiceAttack, NamesInTheLog) {
  LiveService service;
  Hello hello = own_hello();
  hello.source = "x\nsluiced: event=forged\x1b[31m";
  ASSERT_TRUE(mount(service, kUser, hello).mount);
  const std::string log = service.log();
  EXPECT_NE(log.find("event=view-started"), std::string::npos) << log;
  EXPECT_EQ(log.find("\nsluiced: event=forged"), std::string::npos) << log;
  EXPECT_EQ(log.find('\x1b'), std::string::npos) << log;
}

// ---- Others' views ----

TEST_F(ServiceAttack, TheListOfOthersViews) {
  LiveService service;
  const LiveView before(service, tree.path());
  const os::Fd own_peer = service.connect(kOther);
  const os::Fd source = bare(tree.path());
  const int fd = source.get();
  const Answer own = LiveService::ask(own_peer.get(), own_hello(), {&fd, 1});
  ASSERT_TRUE(own.mount);
  const LiveView after(service, tree.path());
  const auto views = service.list(kOther);
  ASSERT_EQ(views.size(), 1u);
  EXPECT_EQ(views[0].name, own.text);
  EXPECT_EQ(service.list(kUser).size(), 2u);
}
TEST_F(ServiceAttack, TheEndOfAnothersView) {
  LiveService service;
  const LiveView view(service, tree.path());
  ASSERT_TRUE(view.up());
  Hello hello;
  hello.kind = HelloKind::kEnd;
  hello.name = view.answer().text;
  refused(LiveService::ask(service.connect(kOther).get(), hello), Reason::kNoSuchView);
  EXPECT_EQ(service.list(0).size(), 1u);
}
TEST_F(ServiceAttack, TheRulesOfAnothersView) {
  LiveService service;
  const LiveView view(service, tree.path());
  ASSERT_TRUE(view.up());
  Hello hello;
  hello.kind = HelloKind::kReload;
  hello.name = view.answer().text;
  refused(LiveService::ask(service.connect(kOther).get(), hello), Reason::kNoSuchView);
}
// What runs in a view, and is its owner, shows itself nothing that the view hides.
TEST_F(ServiceAttack, TheRulesOfAViewByWhoIsConfined) {
  LiveService service;
  const LiveView view(service, tree.path(), own_hello(), kUser);
  ASSERT_TRUE(view.up());
  Hello hello;
  hello.kind = HelloKind::kReload;
  hello.name = view.answer().text;
  const auto reason_for = [&](bool confined) {
    return as_user(kUser, [&] {
      if (confined && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 100;
      return static_cast<int>(LiveService::ask(service.connect(kUser).get(), hello).reason);
    });
  };
  EXPECT_EQ(reason_for(false), static_cast<int>(Reason::kNone));
  EXPECT_EQ(reason_for(true), static_cast<int>(Reason::kNotPermitted));
}
// The main process goes by what the kernel says of the peer, whatever a set-up process reports.
TEST_F(ServiceAttack, TheListSaysWhoseAViewIs) {
  LiveService service;
  Hello hello = own_hello();
  hello.name = "mine";
  const LiveView view(service, tree.path(), hello, kUser);
  ASSERT_TRUE(view.up());
  const auto views = service.list(0);
  ASSERT_EQ(views.size(), 1u);
  EXPECT_EQ(views[0].uid, kUser);
  EXPECT_EQ(views[0].owner, kUser);
  EXPECT_EQ(views[0].name, "mine");
  EXPECT_LE(views[0].most_grants, Limits::kGrantsPerView);
}
TEST_F(ServiceAttack, WhatASetUpProcessReports) {
  LiveService service;
  (void)mount(service, kUser, own_hello());
  EXPECT_TRUE(serves(service));
  EXPECT_LE(service.list(0).size(), 1u);
}

// ---- Places ----

TEST_F(ServiceAttack, AllPlacesOfOneUser) {
  LiveService service;
  std::vector<os::Fd> silent;
  for (uint32_t i = 0; i < Limits::kSetupsPerUser; ++i) silent.push_back(service.connect(kUser));
  const os::Fd one_more = service.connect(kUser);
  EXPECT_TRUE(hung_up(one_more.get(), 2000));
  EXPECT_EQ(LiveService::receive(one_more.get(), false).reason, Reason::kLimitSetups);
  EXPECT_TRUE(serves(service));
}
TEST_F(ServiceAttack, AllPlacesOfTheHost) {
  LiveService service;
  std::vector<os::Fd> silent;
  for (uint32_t i = 0; i < Limits::kSetupsPerHost; ++i) {
    silent.push_back(service.connect(kUser + 10 + i / Limits::kSetupsPerUser));
  }
  const os::Fd one_more = service.connect(kUser);
  EXPECT_TRUE(hung_up(one_more.get(), 2000));
}
TEST_F(ServiceAttack, APeerThatSaysNothing) {
  LiveService service;
  const os::Fd silent = service.connect(kUser);
  EXPECT_TRUE(hung_up(silent.get(), static_cast<int>(Limits::kSetupSeconds) * 1000 + 2500));
  EXPECT_TRUE(serves(service));
}
// Nor one that lets a set-up process wait for it.
TEST_F(ServiceAttack, TheSocketIsForThoseWhoMay) {
  LiveService service({"--mode", "0600"});
  EXPECT_FALSE(service.connect(kUser));
}

// ---- The mount ----

TEST_F(ServiceAttack, OptionsOfTheMount) {
  LiveService service;
  const LiveView view(service, tree.path());
  const std::string options = view.mount_options();
  const std::string id = std::to_string(kUser);
  for (const std::string& wanted : {std::string("nosuid"), std::string("nodev"), "user_id=" + id, "group_id=" + id,
                                    std::string("default_permissions")}) {
    EXPECT_NE(options.find(wanted), std::string::npos) << wanted << ": " << options;
  }
  EXPECT_EQ(options.find("allow_other"), std::string::npos) << options;
}
TEST_F(ServiceAttack, AReadOnlyViewIsMountedSo) {
  LiveService service;
  Hello hello = honest_hello();
  hello.read_only = true;
  const LiveView view(service, tree.path(), hello);
  const std::string options = view.mount_options();
  EXPECT_NE(options.find(" ro,"), std::string::npos) << options;
  EXPECT_EQ(options.find(" rw,"), std::string::npos) << options;
  // The superblock too: its mount can be made writable.
  EXPECT_EQ(options.find(" - fuse.sluice /source rw"), std::string::npos) << options;
}
TEST_F(ServiceAttack, NobodyElseUsesAView) {
  LiveService service;
  const LiveView view(service, tree.path());
  for (const uint32_t uid : {0u, kOther}) {
    EXPECT_NE(as_user(uid, [&] { return outcome(::open(view.path("plain").c_str(), O_RDONLY)); }), 0) << uid;
  }
}
TEST_F(ServiceAttack, PermissionsHoldInAViewOfEveryOwner) {
  tree.write(tree.path("private"), "private", 0600);
  LiveService service({"--preserve"});
  Hello hello = honest_hello();
  hello.preserve = true;
  const LiveView view(service, tree.path(), hello);
  ASSERT_TRUE(view.up()) << service.log();
  EXPECT_EQ(as_user(kUser, [&] { return outcome(::open(view.path("private").c_str(), O_RDONLY)); }), 0);
  EXPECT_EQ(as_user(kOther, [&] { return outcome(::open(view.path("private").c_str(), O_RDONLY)); }), EACCES);
}

}  // namespace
}  // namespace sluice::adversary
