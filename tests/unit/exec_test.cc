// What is pure in `sluice exec`: its words, what a supervisor hands over, and the filter of the server.
#include <asm/unistd.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <iterator>

#include "cli/exec_words.h"
#include "os/kernel_abi.h"
#include "os/notify.h"
#include "proxy/offer.h"
#include "sandbox/bpf_eval.h"

namespace sluice {
namespace {

struct Taken {
  std::vector<std::string> ours;
  cli::ExecOptions options;
};
Taken take(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  int argc = static_cast<int>(argv.size());
  Taken taken;
  cli::take_server(argc, argv.data(), taken.options);
  taken.ours.assign(argv.begin(), argv.begin() + argc);
  return taken;
}
using Words = std::vector<std::string>;

TEST(ExecWords, TheServerBeginsAtTheFirstWordThatIsNotOurs) {
  const auto plain = take({"sluice", "exec", "server", "--unshare", "--", "x"});
  EXPECT_EQ(plain.ours, (Words{"sluice", "exec"}));
  EXPECT_EQ(plain.options.server, (Words{"server", "--unshare", "--", "x"}));
  const auto options = take({"sluice", "exec", "--unshare", "--mount", "place", "--socket", "sock", "server", "{}"});
  EXPECT_EQ(options.ours, (Words{"sluice", "exec", "--unshare", "--mount", "place", "--socket", "sock"}));
  EXPECT_EQ(options.options.server, (Words{"server", "{}"}));
  EXPECT_EQ(take({"sluice", "exec", "--mount=place", "server"}).options.server, (Words{"server"}));
  EXPECT_EQ(take({"sluice", "exec", "--", "--server", "x"}).options.server, (Words{"--server", "x"}));
  EXPECT_TRUE(take({"sluice", "exec", "--mount"}).options.server.empty());
  EXPECT_TRUE(take({"sluice", "exec", "--"}).options.server.empty());
  EXPECT_EQ(take({"sluice", "ls", "x"}).ours, (Words{"sluice", "ls", "x"}));
}

TEST(ExecWords, MountWantsAPlaceForTheConnection) {
  cli::ExecOptions options;
  EXPECT_FALSE(cli::check_exec_words(options).ok());
  options.server = {"server", "tree"};
  EXPECT_TRUE(cli::check_exec_words(options).ok());
  options.by_service = true;
  EXPECT_FALSE(cli::check_exec_words(options).ok()) << "nothing for the service to make";
  options.mount = "place";
  EXPECT_FALSE(cli::check_exec_words(options).ok());
  options.server = {"{}", "tree"};
  EXPECT_FALSE(cli::check_exec_words(options).ok()) << "the program is not one of its words";
  options.server = {"server", "--at={}", "{}"};
  EXPECT_TRUE(cli::check_exec_words(options).ok());
  cli::name_connection(options.server, 7);
  EXPECT_EQ(options.server, (Words{"server", "--at=/dev/fd/7", "/dev/fd/7"}));
}

TEST(Offer, IsAllThatTheUserMayDoToTheFile) {
  using proxy::Offer;
  using proxy::offer_for;
  for (const bool executable : {false, true}) {
    EXPECT_EQ(offer_for(O_RDWR, true, executable), Offer::kAsIs);
    EXPECT_EQ(offer_for(O_RDWR | O_APPEND, true, executable), Offer::kReadWrite);
    EXPECT_EQ(offer_for(O_WRONLY, true, executable), Offer::kReadWrite);
    EXPECT_EQ(offer_for(O_WRONLY | O_APPEND, true, executable), Offer::kReadWrite);
  }
  EXPECT_EQ(offer_for(O_RDONLY, true, false), Offer::kReadWrite);
  EXPECT_EQ(offer_for(O_PATH, true, false), Offer::kReadWrite);
}

// While a program is open for writing, nobody can execute it.
TEST(Offer, KeepsProgramsFromBeingBusy) {
  EXPECT_EQ(proxy::offer_for(O_RDONLY, true, true), proxy::Offer::kAsIs);
  EXPECT_EQ(proxy::offer_for(O_PATH, true, true), proxy::Offer::kReadOnly);
}

// To open a device or a pipe anew may do something.
TEST(Offer, OpensRegularFilesOnly) {
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_PATH}) {
    EXPECT_EQ(proxy::offer_for(flags, false, false), proxy::Offer::kAsIs);
  }
}

uint32_t action_of(uint32_t architecture, uint32_t number, uint64_t request) {
  std::vector<sandbox::Instruction> program;
  for (const struct sock_filter& each : os::notification_program()) program.push_back({each.code, each.jt, each.jf, each.k});
  sandbox::CallData data{};
  data.arch = architecture;
  data.nr = number;
  data.args[1] = request;
  return sandbox::bpf_evaluate(program, data).action;
}

TEST(Notification, IsOfTheTwoIoctlsOnEveryAbi) {
#if defined(__x86_64__)
  const std::pair<uint32_t, uint32_t> ioctls[] = {
      {AUDIT_ARCH_X86_64, 16}, {AUDIT_ARCH_X86_64, 0x40000000 + 514}, {AUDIT_ARCH_I386, 54}};
#else
  const std::pair<uint32_t, uint32_t> ioctls[] = {{AUDIT_ARCH_AARCH64, 29}, {AUDIT_ARCH_ARM, 54}};
#endif
  for (const auto& [architecture, number] : ioctls) {
    for (const uint64_t request : {os::abi::kFuseBackingOpen, os::abi::kFuseBackingClose}) {
      EXPECT_EQ(action_of(architecture, number, request), SECCOMP_RET_USER_NOTIF) << number;
      EXPECT_EQ(action_of(architecture, number, request | 0xABCD00000000u), SECCOMP_RET_USER_NOTIF)
          << "the kernel does not look at the upper half";
      EXPECT_EQ(action_of(architecture, number, request ^ 1), SECCOMP_RET_ALLOW);
    }
    for (uint32_t other = 0; other < 600; ++other) {
      if (std::count(std::begin(ioctls), std::end(ioctls), std::pair(architecture, other)) != 0) continue;
      EXPECT_EQ(action_of(architecture, other, os::abi::kFuseBackingOpen), SECCOMP_RET_ALLOW) << other;
    }
  }
  EXPECT_EQ(action_of(AUDIT_ARCH_S390X, ioctls[0].second, os::abi::kFuseBackingOpen), SECCOMP_RET_ALLOW);
}

}  // namespace
}  // namespace sluice
