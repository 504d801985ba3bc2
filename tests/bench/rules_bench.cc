// rules_bench: verdicts per second against the number of rules, and what hostile policies cost.
//
//   rules_bench          prints both
//   rules_bench --gate   the same, and fails where 10,000 rules take more than twice as long as 10, or a
//                        hostile policy more than 100 ms or 64 MiB until its first verdict
//
// Rounds are interleaved and each is compared with its own round of 10 rules, so that a busy machine slows
// both. Each policy has a process of its own, whose peak of memory is measured.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/matcher.h"
#include "host.h"
#include "ratio.h"
#include "rule_sets.h"

namespace sluicebench {
namespace {

using sluice::core::Matcher;
using sluice::core::Rules;

constexpr size_t kCounts[] = {10, 1, 100, 1000, sluice::core::kMaxRules};  // the first is what counts
constexpr size_t kSets = std::size(kCounts);
constexpr int kRounds = 31;
constexpr double kMostRatio = 2;
constexpr double kMostMilliseconds = 100;
constexpr long kMostKib = 64 * 1024;

// Of this process alone: what others do on the machine does not count.
double CpuSeconds() {
  struct timespec now;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::vector<sluice::core::WrittenRule> Written(const RuleTexts& texts) {
  std::vector<sluice::core::WrittenRule> written;
  for (const RuleText& text : texts) written.push_back({text.pattern, text.rule});
  return written;
}

// ---- Verdicts ----

struct Judge {
  explicit Judge(Rules of) : rules(std::move(of)), matcher(std::make_unique<Matcher>(rules, 0)) {}
  Rules rules;
  std::unique_ptr<Matcher> matcher;
};

// Prints a line for each number of rules; the ratio of the most to the first.
double Measure(const char* title, RuleTexts (*make)(size_t), const std::vector<std::string>& paths, int times) {
  std::vector<std::unique_ptr<Judge>> judges;
  for (const size_t count : kCounts) {
    auto compiled = sluice::core::compile(Written(make(count)));
    if (const auto* error = std::get_if<sluice::core::RuleError>(&compiled)) {
      std::fprintf(stderr, "rules_bench: rule %zu: %s\n", error->rule, std::string(error->error.what).c_str());
      return -1;
    }
    judges.push_back(std::make_unique<Judge>(std::get<Rules>(std::move(compiled))));
  }
  std::vector<double> ratios[kSets], seconds[kSets];
  size_t decided[kSets] = {};
  for (int round = -1; round < kRounds; ++round) {  // the first fills the caches
    double taken[kSets];
    for (size_t i = 0; i < kSets; ++i) {
      const double start = CpuSeconds();
      for (int k = 0; k < times; ++k) {
        for (const std::string& path : paths) {
          decided[i] += judges[i]->matcher->decide(path).file != sluice::core::Decision{};
        }
      }
      taken[i] = CpuSeconds() - start;
    }
    for (size_t i = 0; i < kSets && round >= 0; ++i) {
      seconds[i].push_back(taken[i]);
      ratios[i].push_back(taken[i] / taken[0]);
    }
  }
  std::printf("%s, %zu paths\n%8s %14s %8s   %-24s %s\n", title, paths.size(), "rules", "verdicts/s", "ns", "time to that of 10", "decided");
  for (const size_t i : {1, 0, 2, 3, 4}) {
    const double each = Median(seconds[i]) / (times * static_cast<double>(paths.size()));
    std::printf("%8zu %14.0f %8.0f   %-24s %2.0f%%\n", kCounts[i], 1 / each, each * 1e9, Text(RatioOf(ratios[i])).c_str(),
                100.0 * static_cast<double>(decided[i]) / ((kRounds + 1) * times * static_cast<double>(paths.size())));
  }
  std::printf("\n");
  return Median(ratios[kSets - 1]);
}

// ---- Hostile policies ----

struct Cost {
  double milliseconds = 0;
  double longest_path = 0;  // milliseconds
  long kib = 0;
  char outcome[64] = {};
};

Cost CostOf(const HostilePolicy& policy) {
  const RuleTexts texts = policy.rules();
  const auto written = Written(texts);
  Cost cost;
  double start = CpuSeconds();
  const auto compiled = sluice::core::compile(written);
  if (const auto* error = std::get_if<sluice::core::RuleError>(&compiled)) {
    std::snprintf(cost.outcome, sizeof(cost.outcome), "%s", std::string(error->error.what).c_str());
    cost.milliseconds = (CpuSeconds() - start) * 1e3;
  } else {
    const Rules& rules = std::get<Rules>(compiled);
    const auto again = Rules::decode(rules.bytes());  // as the next process does
    Matcher matcher(*again, 0);
    (void)matcher.decide("src/" + std::string(255, 'a') + "/main.cc");
    cost.milliseconds = (CpuSeconds() - start) * 1e3;
    start = CpuSeconds();
    (void)matcher.decide(HostilePath());
    cost.longest_path = (CpuSeconds() - start) * 1e3;
    std::snprintf(cost.outcome, sizeof(cost.outcome), "%zu bytes, %zu steps", rules.bytes().size(), rules.nodes().size());
  }
  struct rusage used;
  ::getrusage(RUSAGE_SELF, &used);
  cost.kib = used.ru_maxrss;
  return cost;
}

// In a process of its own, which is ended after ten seconds.
bool Survives(const HostilePolicy& policy, double factor) {
  int pipe[2];
  if (::pipe(pipe) != 0) return false;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);
    const Cost cost = CostOf(policy);
    ::_exit(::write(pipe[1], &cost, sizeof(cost)) == sizeof(cost) ? 0 : 1);
  }
  ::close(pipe[1]);
  Cost cost;
  const bool told = child > 0 && ::read(pipe[0], &cost, sizeof(cost)) == sizeof(cost);
  ::close(pipe[0]);
  int status = 0;
  if (child > 0) ::waitpid(child, &status, 0);
  const bool met = told && cost.milliseconds <= kMostMilliseconds * factor && cost.kib <= kMostKib;
  std::printf("%-50s %7.1f %7.1f %9.1f   %s%s\n", policy.name.c_str(), cost.milliseconds, static_cast<double>(cost.kib) / 1024,
              cost.longest_path, told ? cost.outcome : "did not end", met ? "" : "  TOO MUCH");
  std::fflush(stdout);
  return met;
}

int Run(bool gate) {
  bool met = true;
  std::printf("%-50s %7s %7s %9s\n", "hostile policies, to the first verdict", "ms", "MiB", "path, ms");
  const double factor = HostFactor();
  for (const HostilePolicy& policy : HostilePolicies()) met = Survives(policy, factor) && met;
  std::printf("\n");
  const double ratio = Measure("as people write them", PeoplesRules, PeoplesPaths(), 20);
  const double hostile = Measure("as an attacker does", HostileRules, HostilePaths(), 1);
  const bool fast = ratio > 0 && ratio <= kMostRatio && hostile > 0;
  std::printf("10,000 rules take %.2f times as long as 10, of at most %g%s\n", ratio, kMostRatio, fast ? "" : "  TOO LONG");
  return !gate || (met && fast) ? 0 : 1;
}

}  // namespace
}  // namespace sluicebench

int main(int argc, char** argv) {
  if (argc > 2 || (argc == 2 && std::strcmp(argv[1], "--gate") != 0)) {
    std::fprintf(stderr, "usage: rules_bench [--gate]\n");
    return 2;
  }
  return sluicebench::Run(argc == 2);
}
