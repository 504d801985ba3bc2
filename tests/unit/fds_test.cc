// The descriptor numbers of the code and of the policies are the same.
#include "sandbox/fds.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>

#include "core/grafts.h"
#include "sandbox/compiler/symbols.h"

namespace sluice::sandbox {
namespace {

TEST(Fds, SymbolsOfThePoliciesAgree) {
  struct Pair {
    const char* name;
    int number;
  };
  for (const auto& [name, number] :
       {Pair{"FD_FUSE", kFdFuse}, {"FD_ROOT", kFdRoot}, {"FD_ROOT_RW", kFdRootRw},
        {"FD_RECORD", kFdRecord},
        {"FD_WATCH", kFdWatch},
        {"FD_GRANT_RW", kFdGrantRw}, {"FD_GRANT_RO", kFdGrantRo}, {"FD_DATA", kFdData},
        {"FD_EVENTS", kFdEvents}}) {
    const auto value = symbol_value(name);
    ASSERT_TRUE(value.has_value()) << name;
    EXPECT_EQ(*value, static_cast<uint64_t>(number)) << name;
  }
}

void expect_apart(std::initializer_list<int> of_a_process) {
  std::set<int> numbers;
  for (const int number : of_a_process) {
    EXPECT_GT(number, 2);
    EXPECT_TRUE(numbers.insert(number).second) << number;
  }
}

TEST(Fds, NumbersAreApartAndAboveStandardError) {
  expect_apart({kFdFuse, kFdRoot, kFdRootRw, kFdGrantRw, kFdGrantRo, kFdData, kFdEvents, kFdConfig, kFdLedger});
  expect_apart(
      {kFdFuse, kFdRoot, kFdWatch, kFdGrantRw, kFdGrantRo, kFdData, kFdEvents, kFdConfig, kFdCounters, kFdTable,
       kFdLeftTable, kFdSpareTable});
  // Above the trees of as many grafts as there may be.
  constexpr int kAbove = kFdGrafts + static_cast<int>(core::kMostGrafts);
  EXPECT_GE(kFdTable, kAbove);
  EXPECT_GE(kFdLedger, kFdGrafts + 2 * static_cast<int>(core::kMostGrafts));  // of each graft it has two
  EXPECT_GE(kFdLeftTable, kAbove);
  EXPECT_GE(kFdSpareTable, kAbove);
}

// What stays for life lies below FD_FREE, where no policy lets it be closed or replaced.
TEST(Fds, FixedOnesAreBelowFree) {
  const auto free = symbol_value("FD_FREE");
  const auto most = symbol_value("FD_MAX");
  ASSERT_TRUE(free && most);
  for (const int number : {kFdFuse, kFdRoot, kFdRootRw, kFdRecord, kFdWatch, kFdGrantRw, kFdGrantRo, kFdData, kFdEvents}) {
    EXPECT_LT(static_cast<uint64_t>(number), *free);
  }
  // What is closed after it was read, and then free for others.
  EXPECT_GE(static_cast<uint64_t>(kFdConfig), *free);
  EXPECT_GE(static_cast<uint64_t>(kFdCounters), *free);
  EXPECT_GE(static_cast<uint64_t>(kFdTable), *free);
  EXPECT_GE(static_cast<uint64_t>(kFdLeftTable), *free);
  EXPECT_GE(static_cast<uint64_t>(kFdSpareTable), *free);
  EXPECT_GT(*most, *free);
  EXPECT_LT(*most, uint64_t{1} << 31);  // no negative descriptor, nor AT_FDCWD
}

}  // namespace
}  // namespace sluice::sandbox
