#include "cli/suggestion.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>

namespace sluice::cli {
namespace {

constexpr size_t kMostBytes = 64;

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
size_t distance(std::string_view a, std::string_view b) {
  std::array<std::array<size_t, kMostBytes + 1>, kMostBytes + 1> cost;
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = absl::ascii_tolower(static_cast<unsigned char>(a[i - 1])) ==
                        absl::ascii_tolower(static_cast<unsigned char>(b[j - 1]));
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.empty() || word.size() > kMostBytes) return {};
  std::string_view best;
  size_t best_distance = kMostBytes;
  for (const std::string_view candidate : known) {
    if (candidate.empty() || candidate.size() > kMostBytes) continue;
    const size_t apart = distance(word, candidate);
    if (apart > std::max<size_t>(1, candidate.size() / 3) || apart >= best_distance) continue;
    best = candidate;
    best_distance = apart;
  }
  // A word of one or two letters is near to everything.
  return best_distance < word.size() ? best : std::string_view();
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known,
                         std::string_view otherwise) {
  const std::string_view near = nearest(word, known);
  return near.empty() ? std::string(otherwise)
                      : absl::StrCat("did you mean \"", std::string(near), "\"?");
}

}  // namespace sluice::cli
