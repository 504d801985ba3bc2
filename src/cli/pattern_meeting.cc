#include "cli/pattern_meeting.h"

#include <utility>
#include <vector>

namespace sluice::cli {

bool can_meet(std::string_view a, std::string_view b) {
  // Each as a list of what stands for one byte: -1 any, -2 any number of any.
  static constexpr int kAny = -1, kMany = -2;
  const auto parts_of = [](std::string_view pattern) {
    std::vector<int> parts;
    for (size_t i = 0; i < pattern.size(); ++i) {
      const char c = pattern[i];
      if (c == '*') {
        parts.push_back(kMany);
      } else if (c == '?') {
        parts.push_back(kAny);
      } else if (c == '[') {
        const size_t end = pattern.find(']', i + 2);
        parts.push_back(kAny);
        i = end == std::string_view::npos ? pattern.size() : end;
      } else {
        if (c == '\\' && i + 1 < pattern.size()) ++i;
        parts.push_back(static_cast<unsigned char>(pattern[i]));
      }
    }
    return parts;
  };
  const std::vector<int> x = parts_of(a), y = parts_of(b);
  // meets[j]: what is left of x from i on, and of y from j on, can be the same.
  std::vector<bool> next(y.size() + 1), meets(y.size() + 1);
  for (size_t i = x.size() + 1; i-- > 0;) {
    for (size_t j = y.size() + 1; j-- > 0;) {
      const bool x_ends = i == x.size(), y_ends = j == y.size();
      if (x_ends && y_ends) {
        meets[j] = true;
      } else if (!x_ends && x[i] == kMany) {
        meets[j] = next[j] || (!y_ends && meets[j + 1]);
      } else if (!y_ends && y[j] == kMany) {
        meets[j] = meets[j + 1] || (!x_ends && next[j]);
      } else if (x_ends || y_ends) {
        meets[j] = false;
      } else {
        meets[j] = (x[i] == kAny || y[j] == kAny || x[i] == y[j]) && next[j + 1];
      }
    }
    std::swap(next, meets);
  }
  return next[0];
}

}  // namespace sluice::cli
