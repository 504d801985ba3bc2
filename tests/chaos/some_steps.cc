#include "tests/chaos/some_steps.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace sluice::model {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

SomeSteps some_steps() {
  if (variable("SLUICE_LONG") == "1") return {};
  const std::string_view half = variable("SLUICE_HALF");
  const int first = half.empty() ? static_cast<int>(std::time(nullptr) % 2) + 1 : half == "1" ? 1 : 2;
  std::printf("every second step: SLUICE_HALF=%d\n", first);
  std::fflush(stdout);
  return {first, 2};
}

}  // namespace sluice::model
