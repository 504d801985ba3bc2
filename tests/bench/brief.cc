#include "brief.h"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace sluicebench {
namespace {

constexpr double kMostWorse = 2;
constexpr int kAttempts = 3, kRounds = 3;
constexpr double kLoopSeconds = 0.08;

bool JudgeRow(const Measure& measure, const Result& was, Rounds& rounds) {
  const double recorded = was.ratio().median;
  const bool higher = was.better == Measure::Better::kHigher;
  const double limit = higher ? recorded / kMostWorse : recorded * kMostWorse;
  std::optional<Ratio> best;
  // Noise makes a view look slow, and hardly ever fast.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Ratio now = rounds.RunOne(measure, kView, kRounds).ratio();
    if (!best || (higher ? now.median > best->median : now.median < best->median)) best = now;
    if (higher ? best->median >= limit : best->median <= limit) break;
  }
  const bool met = higher ? best->median >= limit : best->median <= limit;
  std::printf("%-5s %-36s %-22s recorded %.2f, %s %.2f\n", met ? "ok" : "FAIL",
              (measure.name + ", " + was.filesystem).c_str(), Text(*best).c_str(), recorded,
              higher ? ">=" : "<=", limit);
  std::fflush(stdout);
  return met;
}

}  // namespace

bool AsGoodAsRecorded(const Grounds& grounds, const std::vector<Result>& recorded,
                      const Deadline& deadline) {
  const std::vector<Measure> measures = AllMeasures();
  bool all_met = true;
  size_t judged = 0;
  for (const Ground& ground : grounds.all()) {
    Rounds rounds(ground, {kView}, deadline, kLoopSeconds);
    for (const Result& was : recorded) {
      if (was.side != kView || was.filesystem != ground.name) continue;
      const auto measure = std::find_if(measures.begin(), measures.end(), [&](const Measure& one) {
        return one.name == was.measure;
      });
      if (measure == measures.end()) throw Failure("no row " + was.measure);
      FillSource(ground, measure->needs, deadline);
      all_met = JudgeRow(*measure, was, rounds) && all_met;
      ++judged;
    }
  }
  if (judged == 0) throw Failure("nothing is recorded of what could be measured here");
  return all_met;
}

}  // namespace sluicebench
