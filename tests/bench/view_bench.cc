// view_bench: what a view costs, as ratio to the plain directory under it.
//
//   view_bench [--filter TEXT] [--rounds N] [--seconds S] [--json FILE]
//   view_bench --bar          the few that ctest judges, in less than a minute
#include <benchmark/benchmark.h>
#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "bar.h"
#include "ground.h"
#include "measure.h"
#include "process.h"
#include "rounds.h"
#include "table.h"

namespace sluicebench {
namespace {

constexpr char kUsage[] =
    "usage: view_bench [--filter TEXT] [--rounds N] [--seconds S] [--json FILE]\n"
    "       view_bench --bar\n"
    "  --filter TEXT   only measures with TEXT in their name\n"
    "  --rounds N      native and view take turns N times (default 7)\n"
    "  --seconds S     how long one timing of a loop takes at least (default 0.15)\n"
    "  --json FILE     also write every round there\n"
    "  --bar           only what must not get worse; fails where it did\n"
    "  TMPDIR (default /var/tmp) says which disk; SLUICE_BIN where sluice is (default: beside "
    "this)\n";
constexpr double kBarDeadline = 200;
constexpr double kDeadline = 1800;

struct Options {
  std::string filter;
  std::string json;
  int rounds = 7;
  double seconds = 0.15;
  bool bar = false;
};

bool Parse(int argc, char** argv, Options* options) {
  const struct option known[] = {
      {"filter", required_argument, nullptr, 'f'},  {"rounds", required_argument, nullptr, 'r'},
      {"seconds", required_argument, nullptr, 's'}, {"json", required_argument, nullptr, 'j'},
      {"bar", no_argument, nullptr, 'b'},           {nullptr, 0, nullptr, 0}};
  for (int c; (c = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (c == 'f') options->filter = optarg;
    if (c == 'r') options->rounds = std::atoi(optarg);
    if (c == 's') options->seconds = std::atof(optarg);
    if (c == 'j') options->json = optarg;
    if (c == 'b') options->bar = true;
    if (c == '?') return false;
  }
  return optind == argc && options->rounds > 0 && options->seconds > 0;
}

int Run(const Options& options) {
  PrepareProcess();
  NeedRootAndFuse();
  const Deadline deadline(options.bar ? kBarDeadline : kDeadline);
  benchmark::CPUInfo::Get();  // once: it may take a while, and each timing would pay for it
  const Grounds grounds;
  for (const Ground& ground : grounds.all()) FillSource(ground);
  if (options.bar) return MeetsBars(grounds, deadline) ? 0 : 1;
  std::vector<Result> results;
  for (const Ground& ground : grounds.all()) {
    Rounds rounds(ground, deadline, options.seconds);
    for (const Measure& measure : AllMeasures()) {
      if (std::string(measure.name).find(options.filter) == std::string::npos) continue;
      std::fprintf(stderr, "%s: %s\n", ground.name.c_str(), measure.name);
      results.push_back(rounds.Run(measure, options.rounds));
    }
  }
  if (results.empty()) throw Failure("no measure with \"" + options.filter + "\" in its name");
  PrintTable(results);
  if (!options.json.empty()) WriteJson(results, options.json);
  return 0;
}

}  // namespace
}  // namespace sluicebench

int main(int argc, char** argv) {
  sluicebench::Options options;
  if (!sluicebench::Parse(argc, argv, &options)) {
    std::fputs(sluicebench::kUsage, stderr);
    return 2;
  }
  int status = 1;
  try {
    status = sluicebench::Run(options);
  } catch (const sluicebench::Missing& missing) {
    return sluicebench::SkipStatus("view_bench", missing.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "view_bench: %s\n", error.what());
  }
  sluicebench::EndDescendants();
  return status;
}
