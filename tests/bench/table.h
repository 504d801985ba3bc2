// How results are shown.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rounds.h"

namespace sluicebench {

// Ratios to native, a line per measure and filesystem and a column per side, and what an operation
// costs a view in requests and context switches. Where the rounds lie too far apart there is no
// number. markdown: as a table of that.
std::string TableText(const std::vector<Result>& results, bool markdown);

// Whether there was a number for each of ours.
bool AllCanTell(const std::vector<Result>& results);

// For programs: everything, with each round. commit: of the programs that were measured.
nlohmann::json ToJson(const std::vector<Result>& results, const std::string& commit);
// Throws Failure where it is not what ToJson makes.
std::vector<Result> FromJson(const nlohmann::json& json);
nlohmann::json ReadJson(const std::string& path);                  // throws Failure
void WriteText(const std::string& text, const std::string& path);  // throws Failure

// What has changed from one run to the other, a line for each measure of a view that both have.
// *worse: whether there is one that is worse by more than both spreads.
std::string CompareText(const std::vector<Result>& before, const std::vector<Result>& now,
                        bool* worse);

// The table's rows, and the curves, as a picture.
std::string PlotSvg(const std::vector<Result>& results);

// In the order in which they come first.
template <typename Get>
std::vector<std::string> Distinct(const std::vector<Result>& results, const Get& get) {
  std::vector<std::string> all;
  for (const Result& one : results) {
    if (std::find(all.begin(), all.end(), get(one)) == all.end()) all.push_back(get(one));
  }
  return all;
}

}  // namespace sluicebench
