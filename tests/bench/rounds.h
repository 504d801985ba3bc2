// Rounds: the sides in turn, in the same run, so that what else the machine does meets all of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cost.h"
#include "measure.h"
#include "ratio.h"
#include "side.h"

namespace sluicebench {

// Half of the rounds must lie within this fraction of the median, or the machine was measured and
// not the side: there is nothing to report.
inline constexpr double kMostSpread = 0.3;
inline constexpr size_t kLeastRounds = 3;

// Of one side, as ratio to native.
struct Result {
  std::string measure;
  std::string filesystem;
  std::string side;
  std::string curve;  // of a point of a curve, its name, and where it is on it
  double at = 0;
  Measure::Better better = Measure::Better::kLower;
  double goal = 0;                      // 0: none
  double goal_of_bindfs = 0;            // as part of what bindfs takes; 0: none
  std::vector<double> ratios = {};      // one of each round
  std::vector<double> cpu_ratios = {};  // of the processor time of all who took part
  double native_seconds = 0;            // of one operation, median; to look at, not to compare with
  double seconds = 0;
  double operations = 0;  // that the side did in all, and what they cost
  double switches = 0;
  Counts requests = {};
  bool failed = false;  // the side cannot do it
  Ratio ratio() const { return RatioOf(ratios); }
  bool can_tell() const {
    return !failed && ratios.size() >= kLeastRounds && ratio().spread() <= kMostSpread;
  }
  double requests_each() const;
  double switches_each() const { return operations > 0 ? switches / operations : 0; }
};

// One ground and the sides of it, which stay for as long as no measure wants new ones.
class Rounds {
 public:
  // names: of the sides; native is always one. before: see MakeSide.
  Rounds(const Ground& ground, const std::vector<std::string>& names, const Deadline& deadline,
         double loop_seconds, const std::string& before = {});

  // Of each side but native. Where it cannot tell after so many rounds, it takes more, up to three
  // times as many.
  std::vector<Result> Run(const Measure& measure, int rounds);
  // Of the side with this name.
  Result RunOne(const Measure& measure, const std::string& side, int rounds);
  Side& side(const std::string& name);

 private:
  struct Timing {
    double seconds;     // of one operation
    double operations;  // that were done in all
    Cost cost;          // of all of them
  };
  Timing Time(const Measure& measure, const Place& place) const;
  Timing TimeSide(const Measure& measure, Side& side, Result* result);
  void OneRound(const Measure& measure, size_t number, std::vector<Result>* results);

  const Ground& ground_;
  const Deadline& deadline_;
  double loop_seconds_;
  struct Named {
    std::string name;
    std::unique_ptr<Side> side;
  };
  std::vector<Named> sides_;                  // native first
  std::vector<std::vector<double>> seconds_;  // by side, of each round of the measure
};

}  // namespace sluicebench
