// The attacks that run in an arena each.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (::testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  const char* programs = std::getenv("SLUICE_BIN");
  if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0 || programs == nullptr) {
    const char* required = std::getenv("SLUICE_REQUIRE_ALL");
    std::printf("*** SKIPPED: attacks need root, /dev/fuse and SLUICE_BIN: nothing was tested\n");
    return required != nullptr && std::string(required) == "1" ? 1 : 77;
  }
  return RUN_ALL_TESTS();
}
