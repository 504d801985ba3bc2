#include "random_policy.h"

#include <string_view>

namespace sluice::sandbox {
namespace {

struct Call {
  std::string_view name;
  std::string_view numbers;  // the arguments that are no pointers
};

constexpr Call kCalls[] = {
    {"lseek", "012"},           {"fsync", "0"},         {"fdatasync", "0"},
    {"fstatfs", "0"},           {"getdents64", "02"},   {"getpriority", "01"},
    {"ftruncate", "01"},        {"fallocate", "0123"},  {"faccessat2", "023"},
    {"readlinkat", "03"},       {"umask", "0"},         {"copy_file_range", "0245"},
    {"getxattrat", "025"},      {"clock_gettime", "0"}, {"fadvise64", "0123"},
    {"sched_getaffinity", "1"},
};

std::string random_value(Random& random) {
  switch (below(random, 4)) {
    case 0:
      return std::to_string(below(random, 16));
    case 1:
      return std::to_string(uint32_t{1} << below(random, 31));
    case 2:
      return std::to_string(bits(random) & 0x7fffffff);
    default:
      return std::to_string(below(random, 4) * 0x01010101u);
  }
}

std::string random_condition(Random& random, char arg) {
  const std::string left = std::string("arg") + arg;
  switch (below(random, 5)) {
    case 0:
      return left + " <= " + random_value(random);
    case 1:
      return left + " >= " + random_value(random);
    case 2:
      return left + " == " + random_value(random);
    default: {
      // A value within the mask, so that the condition can be true.
      const uint32_t mask = bits(random) | 1;
      const bool complement = below(random, 2) == 0;
      const uint32_t effective = complement ? ~mask : mask;
      return left + " & " + (complement ? "~" : "") + std::to_string(mask) +
             " == " + std::to_string(bits(random) & effective & bits(random));
    }
  }
}

}  // namespace

std::string random_policy(Random& random) {
  std::string text = "default kill\n";
  for (uint32_t calls = 1 + below(random, 4); calls > 0; --calls) {
    const Call& call = kCalls[below(random, std::size(kCalls))];
    for (uint32_t lines = 1 + below(random, 4); lines > 0; --lines) {
      text += "# random\n" + std::string(call.name);
      const char* separator = " when ";
      for (uint32_t count = below(random, 4); count > 0; --count) {
        const char arg = call.numbers[below(random, static_cast<uint32_t>(call.numbers.size()))];
        text += separator + random_condition(random, arg);
        separator = " and ";
      }
      text += "\n\n";
    }
  }
  return text;
}

}  // namespace sluice::sandbox
