#include <gtest/gtest.h>

#include "service_stage.h"

namespace {

// After each test: the kernel is whole. Here and not in the tests, which run in processes of their
// own.
class WatchKernel : public ::testing::EmptyTestEventListener {
  void OnTestEnd(const ::testing::TestInfo& info) override {
    const std::string damage = log_.damage();
    EXPECT_EQ(damage, "") << "the kernel's log after " << info.name();
  }
  sluice::adversary::KernelLog log_;
};

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::UnitTest::GetInstance()->listeners().Append(new WatchKernel);
  return RUN_ALL_TESTS();
}
