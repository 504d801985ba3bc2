// Every system call number, in each process's own confinement: what is not listed kills.
#include "call_probe.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <sstream>

#include "../kernel/contained.h"
#include "../kernel/sys.h"
#include "core/protection.h"
#include "generated/release/foreign_broker_policy.h"
#include "generated/release/keeper_policy.h"
#include "generated/release/sluiced_policy.h"
#include "os/landlock_domains.h"
#include "os/self.h"
#include "os/service_self.h"
#include "sandbox/confine.h"
#include "service/confinement.h"
#include "service_stage.h"

namespace sluice::adversary {
namespace {

using kerneltest::RunContained;

IN_EACH_MODE(EveryCall);

// The numbers that a reviewed table lists.
std::set<uint32_t> listed(const std::string& policy) {
  std::set<uint32_t> numbers;
  std::ifstream table(SLUICE_GOLDEN "/" + policy + ".golden");
  for (std::string line; std::getline(table, line);) {
    numbers.insert(static_cast<uint32_t>(std::stoul(line)));
  }
  EXPECT_GE(numbers.size(), 12u) << "no table of " << policy;
  return numbers;
}

// uretprobe and uprobe: the kernel makes them past every filter, and they do nothing for a process
// in which it has placed no probe. Source: kernel/seccomp.c, seccomp_uprobe_exception.
constexpr std::array<uint32_t, 2> kPastEveryFilter = {335, 336};

// said: lines "probe SPACE ARGUMENTS LETTERS".
void expect_only_listed(const std::string& said, const std::string& policy) {
  const std::set<uint32_t> may = listed(policy);
  std::istringstream lines(said);
  int spaces = 0;
  for (std::string word, space, arguments, letters; lines >> word;) {
    if (word != "probe") continue;
    lines >> space >> arguments >> letters;
    ++spaces;
    ASSERT_EQ(letters.size(), kProbedCalls) << policy;
    const bool native = space == "x86-64";
    for (uint32_t number = 0; number < kProbedCalls; ++number) {
      const char letter = letters[number];
      // int 0x80 on a kernel without i386 calls.
      bool dead = letter == '.' || (letter == '-' && space == "i386");
      if (native && std::count(kPastEveryFilter.begin(), kPastEveryFilter.end(), number) != 0)
        dead = true;
      if (!native || !may.contains(number)) {
        EXPECT_TRUE(dead) << policy << ": " << space << " number " << number << " gave " << letter;
      } else if (arguments == "allowed") {
        EXPECT_EQ(letter, 'A') << policy << ": number " << number << " is listed";
      }
    }
  }
  EXPECT_EQ(spaces, 4) << policy << ":\n" << said;
}

void probe_worker(Mode mode, bool read_only, const std::string& policy) {
  const Service service(mode);
  const AttackedView view(service, "probe", read_only);
  EXPECT_TRUE(view.says("probe i386", 30'000)) << service.log();
  expect_only_listed(view.said(), policy);
}

TEST_P(EveryCall, OfAWorkerOfAReadOnlyView) {
  RunContained([] { probe_worker(GetParam(), true, "worker-ro"); });
}

TEST_P(EveryCall, OfAWorker) {
  RunContained([] { probe_worker(GetParam(), false, "worker-rw"); });
}

TEST_P(EveryCall, OfABroker) {
  RunContained([] {
    const Service service(GetParam(), "sluice-worker", "taken_over_broker");
    const AttackedView view(service, "");
    EXPECT_TRUE(view.says("done", 30'000)) << service.log();
    expect_only_listed(view.said(), "broker");
  });
}

TEST(EveryCallOnce, OfTheService) {
  RunContained([] {
    std::ostringstream said;
    probe_all(
        sandbox::sluiced_policy(), [] { return service::confine(-1, 0).ok(); },
        [&](const std::string& line) { said << "probe " << line << '\n'; });
    expect_only_listed(said.str(), "sluiced");
  });
}

// What it is confined by, without its descriptors: a number of which there is none is refused after the filter.
TEST(EveryCallOnce, OfTheBrokerOfAConnection) {
  RunContained([] {
    std::ostringstream said;
    probe_all(
        sandbox::foreign_broker_policy(),
        [] {
          const int keep[] = {CAP_SYS_ADMIN};
          return os::become_undumpable().ok() && sandbox::keep_capabilities(keep).ok() &&
                 os::landlock_restrict(os::kForeignReadWrite, {}, core::kAllMissing).ok() &&
                 sandbox::install_filter(sandbox::foreign_broker_policy()).ok();
        },
        [&](const std::string& line) { said << "probe " << line << '\n'; });
    expect_only_listed(said.str(), "foreign-broker");
  });
}

TEST(EveryCallOnce, OfTheKeeper) {
  RunContained([] {
    std::ostringstream said;
    probe_all(
        sandbox::keeper_policy(),
        [] {
          return os::become_undumpable().ok() && os::refuse_new_privileges().ok() && sandbox::keep_capabilities({}).ok() &&
                 os::landlock_restrict(os::kKeeper, {}, core::kAllMissing).ok() &&
                 sandbox::install_filter(sandbox::keeper_policy()).ok();
        },
        [&](const std::string& line) { said << "probe " << line << '\n'; });
    expect_only_listed(said.str(), "keeper");
  });
}

}  // namespace
}  // namespace sluice::adversary
