#include "table.h"

#include <cstdio>
#include <fstream>

namespace sluicebench {
namespace {

std::string Printed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string RequestsText(const Result& result) {
  std::string out = Printed("%.3f", result.requests_each());
  for (const auto& [name, count] : result.requests) {
    const double each = static_cast<double>(count) / result.operations;
    if (each >= 0.05) out += " " + name + Printed(" %.2f", each);
  }
  return out;
}

std::string GoalText(const Result& result) {
  if (result.goal == 0) return "";
  return (result.better == Measure::Better::kHigher ? ">= " : "<= ") + Printed("%g", result.goal);
}

// The part of bindfs's time that the view takes, and is to take.
std::string PartText(const Result& view, const Result* bindfs) {
  if (view.goal_of_bindfs == 0 || bindfs == nullptr || view.side != kView) return "";
  if (!view.can_tell() || !bindfs->can_tell()) return "too busy to tell";
  return Printed("%.2f", view.ratio().median / bindfs->ratio().median) + Printed(" (<= %.2f)", view.goal_of_bindfs);
}

std::string CellText(const Result& result) {
  return result.failed ? "fails" : result.can_tell() ? Text(result.ratio()) : "too busy to tell";
}

// A line of cells: padded, or with the bars of markdown.
std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    line += (i == 0 ? "| " : " | ") + Padded(cells[i], widths[i]);
  }
  return line + " |\n";
}

std::string Table(const std::vector<std::vector<std::string>>& lines, bool markdown) {
  std::vector<size_t> widths(lines[0].size(), 0);
  for (const auto& cells : lines) {
    for (size_t i = 0; i < cells.size(); ++i) {
      widths[i] = markdown ? 0 : std::max(widths[i], cells[i].size());
    }
  }
  std::string text = Line(lines[0], widths);
  if (markdown) text += Line(std::vector<std::string>(widths.size(), "---"), widths);
  for (size_t i = 1; i < lines.size(); ++i) text += Line(lines[i], widths);
  return text;
}

}  // namespace

std::string TableText(const std::vector<Result>& results, bool markdown) {
  const auto sides = Distinct(results, [](const Result& one) { return one.side; });
  std::vector<std::string> head = {"ratio to native", "on", "goal"};
  head.insert(head.end(), sides.begin(), sides.end());
  head.insert(head.end(), {"part of bindfs's time", "processor time", "context switches", "requests of one operation"});
  std::vector<std::vector<std::string>> lines = {head};
  for (const auto& name : Distinct(results, [](const Result& one) { return one.measure; })) {
    for (const auto& on : Distinct(results, [](const Result& one) { return one.filesystem; })) {
      const Result *ours = nullptr, *bindfs = nullptr;
      std::vector<std::string> cells;
      for (const std::string& side : sides) {
        const auto at = std::find_if(results.begin(), results.end(), [&](const Result& one) {
          return one.measure == name && one.filesystem == on && one.side == side;
        });
        cells.push_back(at == results.end() ? "" : CellText(*at));
        if (at != results.end() && (ours == nullptr || side == kView)) ours = &*at;
        if (at != results.end() && side == kBindfs) bindfs = &*at;
      }
      if (ours == nullptr) continue;
      std::vector<std::string> line = {name, on, GoalText(*ours)};
      line.insert(line.end(), cells.begin(), cells.end());
      const bool told = ours->can_tell();
      line.insert(line.end(), {PartText(*ours, bindfs), told ? Printed("%.2f", Median(ours->cpu_ratios)) : "",
                               told ? Printed("%.2f", ours->switches_each()) : "",
                               ours->requests.empty() ? "" : RequestsText(*ours)});
      lines.push_back(line);
    }
  }
  return Table(lines, markdown) + (markdown ? "\n" : "") +
         "Medians of rounds in which native and the others take turns, [quartiles]: throughput "
         "where\n"
         "the goal is at least, time otherwise. Processor time is that of all who take part, as "
         "ratio to\n"
         "native's; it, switches and requests are the view's. The part of bindfs's time is to be what the goals\n"
         "were on the machine that they are of: what waking a process costs is in both.\n";
}

bool AllCanTell(const std::vector<Result>& results) {
  return std::all_of(results.begin(), results.end(), [](const Result& one) {
    return (one.side != kView && one.side != kBefore) || one.can_tell();
  });
}

nlohmann::json ToJson(const std::vector<Result>& results, const std::string& commit) {
  nlohmann::json all = nlohmann::json::array();
  for (const Result& one : results) {
    const Ratio ratio = one.ratio();
    nlohmann::json requests = nlohmann::json::object();
    for (const auto& [name, count] : one.requests) {
      requests[name] = static_cast<double>(count) / one.operations;
    }
    nlohmann::json row = {{"measure", one.measure},
                          {"filesystem", one.filesystem},
                          {"side", one.side},
                          {"better", one.better == Measure::Better::kHigher ? "higher" : "lower"},
                          {"rounds", one.ratios},
                          {"processor_time_rounds", one.cpu_ratios},
                          {"requests_per_operation", requests}};
    if (one.can_tell()) {
      row["ratio"] = ratio.median;
      row["quartiles"] = {ratio.low, ratio.high};
      row["switches_per_operation"] = one.switches_each();
    }
    if (one.goal != 0) row["goal"] = one.goal;
    if (!one.curve.empty()) {
      row["curve"] = one.curve;
      row["at"] = one.at;
    }
    all.push_back(std::move(row));
  }
  return {{"commit", commit}, {"results", std::move(all)}};
}

std::vector<Result> FromJson(const nlohmann::json& json) {
  std::vector<Result> results;
  try {
    for (const auto& row : json.at("results")) {
      Result one;
      one.measure = row.at("measure");
      one.filesystem = row.at("filesystem");
      one.side = row.at("side");
      one.better =
          row.at("better") == "higher" ? Measure::Better::kHigher : Measure::Better::kLower;
      one.ratios = row.at("rounds").get<std::vector<double>>();
      one.cpu_ratios = row.at("processor_time_rounds").get<std::vector<double>>();
      one.goal = row.value("goal", 0.0);
      one.curve = row.value("curve", "");
      one.at = row.value("at", 0.0);
      results.push_back(std::move(one));
    }
  } catch (const nlohmann::json::exception& error) {
    throw Failure(std::string("not results of this program: ") + error.what());
  }
  return results;
}

nlohmann::json ReadJson(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Failure("cannot read " + path);
  nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (json.is_discarded()) throw Failure(path + " is no JSON");
  return json;
}

void WriteText(const std::string& text, const std::string& path) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) throw Failure("cannot write " + path);
}

std::string CompareText(const std::vector<Result>& before, const std::vector<Result>& now,
                        bool* worse) {
  std::vector<std::vector<std::string>> lines = {
      {"view, as ratio to native", "on", "before", "now", ""}};
  *worse = false;
  for (const Result& one : now) {
    if (one.side != kView) continue;
    const auto was = std::find_if(before.begin(), before.end(), [&](const Result& other) {
      return other.side == kView && other.measure == one.measure &&
             other.filesystem == one.filesystem;
    });
    if (was == before.end()) continue;
    std::string verdict;
    if (was->can_tell() && one.can_tell()) {
      const Ratio a = was->ratio(), b = one.ratio();
      const bool higher = one.better == Measure::Better::kHigher;
      if (b.low > a.high) verdict = higher ? "better" : "WORSE";
      if (b.high < a.low) verdict = higher ? "WORSE" : "better";
    }
    *worse = *worse || verdict == "WORSE";
    lines.push_back({one.measure, one.filesystem, CellText(*was), CellText(one), verdict});
  }
  return Table(lines, false);
}

}  // namespace sluicebench
