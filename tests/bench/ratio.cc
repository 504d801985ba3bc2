#include "ratio.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sluicebench {

double Quantile(std::vector<double> values, double fraction) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double at = fraction * static_cast<double>(values.size() - 1);
  const size_t below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], at - std::floor(at));
}

Ratio RatioOf(const std::vector<double>& rounds) {
  return {Median(rounds), Quantile(rounds, 0.25), Quantile(rounds, 0.75)};
}

std::string Text(const Ratio& ratio) {
  char text[64];
  const int digits = ratio.median < 0.1 ? 3 : ratio.median < 9.95 ? 2 : 1;
  std::snprintf(text, sizeof(text), "%.*f [%.*f .. %.*f]", digits, ratio.median, digits, ratio.low,
                digits, ratio.high);
  return text;
}

}  // namespace sluicebench
