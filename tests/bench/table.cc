#include "table.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace sluicebench {
namespace {

std::string RequestsText(const Result& result) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.3f", result.requests_each());
  std::string out = text;
  for (const auto& [name, count] : result.requests) {
    const double each = static_cast<double>(count) / result.operations;
    if (each < 0.05) continue;
    std::snprintf(text, sizeof(text), " %s %.2f", name.c_str(), each);
    out += text;
  }
  return out;
}

template <typename Get>
std::vector<std::string> Distinct(const std::vector<Result>& results, const Get& get) {
  std::vector<std::string> all;
  for (const Result& one : results) {
    if (std::find(all.begin(), all.end(), get(one)) == all.end()) all.push_back(get(one));
  }
  return all;
}

}  // namespace

void PrintTable(const std::vector<Result>& results) {
  const auto filesystems = Distinct(results, [](const Result& one) { return one.filesystem; });
  std::printf("%-34s %-6s", "view, as ratio to native", "better");
  for (const std::string& filesystem : filesystems) std::printf(" | %-22s", filesystem.c_str());
  std::printf(" | requests of one operation\n");
  for (const auto& name : Distinct(results, [](const Result& one) { return one.measure; })) {
    const Result* shown = nullptr;
    std::string cells;
    for (const std::string& filesystem : filesystems) {
      const auto at = std::find_if(results.begin(), results.end(), [&](const Result& one) {
        return one.measure == name && one.filesystem == filesystem;
      });
      char cell[64];
      std::snprintf(cell, sizeof(cell), " | %-22s",
                    at == results.end() ? "" : Text(at->ratio()).c_str());
      cells += cell;
      if (shown == nullptr && at != results.end()) shown = &*at;
    }
    const bool higher = shown->better == Measure::Better::kHigher;
    std::printf("%-34s %-6s%s | %s\n", name.c_str(), higher ? "higher" : "lower", cells.c_str(),
                RequestsText(*shown).c_str());
  }
  std::printf("Medians of rounds in which native and view take turns, [quartiles].\n");
}

void WriteJson(const std::vector<Result>& results, const std::string& path) {
  nlohmann::json all = nlohmann::json::array();
  for (const Result& one : results) {
    const Ratio ratio = one.ratio();
    nlohmann::json requests = nlohmann::json::object();
    for (const auto& [name, count] : one.requests) {
      requests[name] = static_cast<double>(count) / one.operations;
    }
    all.push_back({{"measure", one.measure},
                   {"filesystem", one.filesystem},
                   {"better", one.better == Measure::Better::kHigher ? "higher" : "lower"},
                   {"ratio", ratio.median},
                   {"quartiles", {ratio.low, ratio.high}},
                   {"rounds", one.ratios},
                   {"requests_per_operation", requests},
                   {"native_seconds_per_operation", one.native_seconds},
                   {"view_seconds_per_operation", one.view_seconds}});
  }
  std::ofstream file(path);
  file << all.dump(2) << "\n";
  file.close();
  if (!file) throw Failure("cannot write " + path);
}

}  // namespace sluicebench
