// Rounds: native and view in turn, in the same run, so that what else the machine does meets both.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "measure.h"
#include "ratio.h"
#include "view.h"

namespace sluicebench {

struct Result {
  std::string measure;
  std::string filesystem;
  Measure::Better better = Measure::Better::kLower;
  std::vector<double> ratios = {};  // one of each round
  double native_seconds = 0;        // of one operation, median; to look at, not to compare with
  double view_seconds = 0;
  double operations = 0;  // that the view served, and what they cost in requests
  Counts requests = {};
  Ratio ratio() const { return RatioOf(ratios); }
  double requests_each() const;
};

// One ground and the view of it, which stays for as long as no measure wants a new one.
class Rounds {
 public:
  Rounds(const Ground& ground, const Deadline& deadline, double loop_seconds)
      : ground_(ground), deadline_(deadline), loop_seconds_(loop_seconds) {}

  Result Run(const Measure& measure, int rounds);

 private:
  struct Timing {
    double seconds;     // of one operation
    double operations;  // that were done in all
  };
  Place Prepared(const Measure& measure, const std::string& directory) const;
  Timing Time(const Measure& measure, const Place& place) const;
  Timing TimeView(const Measure& measure, Result* result);

  const Ground& ground_;
  const Deadline& deadline_;
  double loop_seconds_;
  std::unique_ptr<View> view_;
};

}  // namespace sluicebench
