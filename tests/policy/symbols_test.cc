// The names in policies mean what they mean elsewhere in this tree.
#include "sandbox/compiler/symbols.h"

#include <gtest/gtest.h>
#include <seccomp.h>

#include <string>

#include "sandbox/compiler/calls.h"
#include "sandbox/fds.h"

namespace sluice::sandbox {
namespace {

TEST(Symbols, DescriptorsAreThoseOfOurProcesses) {
  EXPECT_EQ(symbol_value("FD_FUSE"), 3u);
  EXPECT_EQ(symbol_value("FD_ROOT"), 4u);
  EXPECT_EQ(symbol_value("FD_ROOT_RW"), 5u);
  EXPECT_EQ(symbol_value("FD_WATCH"), 5u);
  EXPECT_EQ(symbol_value("FD_GRANT_RW"), 6u);
  EXPECT_EQ(symbol_value("FD_GRANT_RO"), 7u);
  EXPECT_EQ(symbol_value("FD_DATA"), 8u);
  EXPECT_EQ(symbol_value("FD_EVENTS"), 9u);
  EXPECT_EQ(symbol_value("FD_FREE"), 10u);
  // Closed before the filter is on, so their numbers are free.
  EXPECT_GE(kFdConfig, 10);
  EXPECT_GE(kFdCounters, 10);
}

TEST(Symbols, AreTheKernels) {
  EXPECT_EQ(symbol_value("FUSE_DEV_IOC_BACKING_OPEN"), 0x4010e501u);
  EXPECT_EQ(symbol_value("FUSE_DEV_IOC_BACKING_CLOSE"), 0x4004e502u);
  EXPECT_EQ(symbol_value("O_PATH"), 010000000u);
  EXPECT_EQ(symbol_value("O_NOFOLLOW"), 0400000u);
  EXPECT_EQ(symbol_value("O_DIRECTORY"), 0200000u);
  EXPECT_EQ(symbol_value("O_CLOEXEC"), 02000000u);
  EXPECT_EQ(symbol_value("O_TMPFILE"), 020200000u);
  EXPECT_EQ(symbol_value("AT_FDCWD"), static_cast<uint64_t>(-100));
  EXPECT_EQ(symbol_value("AT_EMPTY_PATH"), 0x1000u);
  EXPECT_EQ(symbol_value("O_LARGEFILE"), std::nullopt);
  EXPECT_EQ(symbol_value(""), std::nullopt);
}

TEST(Calls, ReadTheWidthsThatTheKernelReads) {
  EXPECT_EQ(find_call_info("ioctl")->args, "iil");
  EXPECT_EQ(find_call_info("openat")->args, "ipim");
  EXPECT_EQ(find_call_info("fanotify_mark")->args, "iilip");
  EXPECT_EQ(find_call_info("nothing"), nullptr);
  EXPECT_EQ(width_mask('i'), 0xffffffffu);
  EXPECT_EQ(width_mask('m'), 0xffffu);
  EXPECT_EQ(width_mask('l'), ~uint64_t{0});
}

TEST(Calls, OurNumbersAreLibseccomps) {
  EXPECT_EQ(call_number("read"), 0u);
  EXPECT_EQ(call_number("fchmodat2"), 452u);
  EXPECT_EQ(call_number("statmount"), 457u);
  EXPECT_EQ(call_number("removexattrat"), 466u);
  EXPECT_EQ(call_number("socketcall"), std::nullopt);  // i386 only
  for (const NewCall& call : new_calls()) {
    const int theirs =
        seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, std::string(call.name).c_str());
    if (theirs < 0) continue;  // newer than the libseccomp here
    EXPECT_EQ(static_cast<uint32_t>(theirs), call.number) << call.name;
  }
}

}  // namespace
}  // namespace sluice::sandbox
