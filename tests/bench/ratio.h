// Medians of ratios, and how far apart they lie.
#pragma once

#include <string>
#include <vector>

namespace sluicebench {

// The value below which this fraction of the values lies, between neighbours interpolated.
double Quantile(std::vector<double> values, double fraction);
inline double Median(const std::vector<double>& values) { return Quantile(values, 0.5); }

struct Ratio {
  double median = 0;
  double low = 0;   // lower quartile
  double high = 0;  // upper quartile
  // Half of the rounds lie within this fraction of the median.
  double spread() const { return median > 0 ? (high - low) / median : 0; }
};
Ratio RatioOf(const std::vector<double>& rounds);

// "0.98 [0.95 .. 1.01]"
std::string Text(const Ratio& ratio);

}  // namespace sluicebench
