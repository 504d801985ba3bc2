// sluice top: what views do, second by second, and what is open by the connections of other FUSE servers.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/open_files.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "core/escape.h"
#include "wire/fuse_names.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr int kMilliseconds = 1000;
constexpr uint64_t kMostFiles = 10;  // of a view, on a screen

struct Sample {
  std::chrono::steady_clock::time_point at;
  std::vector<ListedView> views;
};
absl::StatusOr<Sample> sample(const std::string& socket) {
  auto views = list_views(socket);
  if (!views.ok()) return views.status();
  return Sample{std::chrono::steady_clock::now(), *std::move(views)};
}

uint64_t requests_of(const wire::ViewInfo& view) {
  uint64_t sum = 0;
  for (const uint64_t count : view.requests) sum += count;
  return sum;
}
uint64_t opens_of(const wire::ViewInfo& view) { return view.grants_asked + view.grants_kept; }

struct Row {
  const ListedView* view;
  double requests = 0, opens = 0, grants = 0;  // in a second
  OpenFiles open;
};

// Counters are a worker's, which may write anything there: what goes back is no rate.
double rate(uint64_t before, uint64_t now, double seconds) {
  return now > before && seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
}

std::vector<Row> rows_of(const Sample& before, const Sample& now) {
  const double seconds = std::chrono::duration<double>(now.at - before.at).count();
  std::map<std::pair<std::string, uint64_t>, const wire::ViewInfo*> earlier;
  for (const ListedView& view : before.views) earlier[{view.socket, view.info.id}] = &view.info;
  const std::vector<OpenFiles> open = open_files(now.views);
  std::vector<Row> rows;
  for (size_t i = 0; i < now.views.size(); ++i) {
    const ListedView& view = now.views[i];
    Row row{&view, 0, 0, 0, open[i]};
    // One that has just begun has no rate yet.
    if (const auto found = earlier.find({view.socket, view.info.id}); found != earlier.end()) {
      row.requests = rate(requests_of(*found->second), requests_of(view.info), seconds);
      row.opens = rate(opens_of(*found->second), opens_of(view.info), seconds);
      row.grants = rate(found->second->grants_asked, view.info.grants_asked, seconds);
    }
    rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.requests > b.requests; });
  return rows;
}

std::vector<std::string> lines_of(const std::vector<Row>& rows) {
  std::vector<std::string> lines;
  const auto foreign = std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.view->info.foreign; });
  lines.push_back(absl::StrFormat("%d views", rows.size() - static_cast<size_t>(foreign)));
  if (foreign > 0) absl::StrAppend(&lines.back(), ", ", foreign, " connections of other FUSE servers");
  lines.push_back(absl::StrFormat("%-16s %10s %10s %10s %7s %7s  %s", "NAME", "REQUESTS/s",
                                  "OPENS/s", "ASKED/s", "GRANTS", "NODES", "TARGET"));
  for (const Row& row : rows) {
    const wire::ViewInfo& info = row.view->info;
    // Nobody counts what reaches another server; what its broker holds can be counted, by who may look.
    const auto held = std::count_if(row.open.files.begin(), row.open.files.end(),
                                    [](const OpenFile& file) { return file.granted; });
    lines.push_back(
        info.foreign
            ? absl::StrFormat("%-16s %10s %10s %10s %7s %7s  %s", info.name, "-", "-", "-",
                              row.open.complete ? absl::StrCat(held) : "-", "-", core::escaped(info.target))
            : absl::StrFormat("%-16s %10.0f %10.0f %10.0f %7d %7d  %s", info.name, row.requests, row.opens, row.grants,
                              info.grants, info.nodes, core::escaped(info.target)));
    uint64_t shown = 0;
    for (const OpenFile& file : row.open.files) {
      if (file.holders.empty() && !info.foreign) continue;
      if (++shown > kMostFiles) {
        lines.push_back("  ...");
        break;
      }
      lines.push_back(absl::StrCat("  ", file.write ? "rw " : "ro ", core::escaped(file.path), "  ",
                                   holders_text(file)));
    }
  }
  return lines;
}

json json_of(const std::vector<Row>& rows) {
  json out = json::array();
  for (const Row& row : rows) {
    const wire::ViewInfo& info = row.view->info;
    if (info.foreign) {
      out.push_back({{"name", info.name},
                     {"foreign", true},
                     {"target", core::escaped(info.target)},
                     {"complete", row.open.complete},
                     {"files", files_json(row.open)}});
      continue;
    }
    out.push_back({{"name", info.name},
                   {"foreign", false},
                   {"target", core::escaped(info.target)},
                   {"requests_per_second", row.requests},
                   {"opens_per_second", row.opens},
                   {"asked_per_second", row.grants},
                   {"grants", info.grants},
                   {"nodes", info.nodes},
                   {"complete", row.open.complete},
                   {"files", files_json(row.open)}});
  }
  return out;
}

void print(const ListOptions& options, const std::vector<Row>& rows) {
  if (options.json) {
    std::printf("%s\n", json_of(rows).dump(options.once ? 2 : -1).c_str());
  } else {
    for (const std::string& line : lines_of(rows)) std::printf("%s\n", line.c_str());
  }
  std::fflush(stdout);
}

}  // namespace

int top_command(const ListOptions& options) {
  const std::string socket = service_socket(options.socket);
  auto before = sample(socket);
  if (!before.ok()) return report(before.status());
  std::optional<Terminal> terminal;
  if (!options.once && !options.json) {
    auto taken = Terminal::take();
    if (!taken.ok()) {
      return report(problem(absl::StatusCode::kInvalidArgument, "top needs a terminal",
                            "use --once or --json"));
    }
    terminal.emplace(*std::move(taken));
  }
  for (;;) {
    if (terminal) {
      if (terminal->ended_within(kMilliseconds)) return kExitOk;
    } else {
      ::usleep(kMilliseconds * 1000);
    }
    auto now = sample(socket);
    if (!now.ok()) {
      terminal.reset();
      return report(now.status());
    }
    const std::vector<Row> rows = rows_of(*before, *now);
    if (terminal) {
      terminal->show(lines_of(rows));
    } else {
      print(options, rows);
    }
    if (options.once) return kExitOk;
    before = std::move(now);
  }
}

}  // namespace sluice::cli
