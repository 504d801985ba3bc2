// view_bench: what a view costs, as ratio to the plain directory under it, beside what others cost.
#include <benchmark/benchmark.h>
#include <getopt.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bar.h"
#include "brief.h"
#include "crowd.h"
#include "ground.h"
#include "measure.h"
#include "process.h"
#include "rounds.h"
#include "table.h"

namespace sluicebench {
namespace {

constexpr char kUsage[] =
    "usage: view_bench [--rows A;B] [--sides A,B] [--on FILESYSTEM] [--rounds N] [--seconds S]\n"
    "                  [--before DIRECTORY] [--one-processor] [--curves] [--long] [--memory]\n"
    "                  [--output DIRECTORY]\n"
    "       view_bench --whole --output DIRECTORY    all rows and curves of all sides\n"
    "       view_bench --compare OLD.json NEW.json   1 where a row of the view is worse by more "
    "than the spreads\n"
    "       view_bench --record-brief FILE           five rows on one processor, for --brief\n"
    "       view_bench --brief FILE                  1 where one is twice as bad as recorded\n"
    "       view_bench --bar                         the few that ctest judges, in less than a "
    "minute\n"
    "  --rows A;B        only rows whose names begin so\n"
    "  --sides A,B       of native, bind, view, before, bindfs, fuse-overlayfs, mergerfs; default: "
    "all there are\n"
    "  --on FILESYSTEM   only there: tmpfs, or the disk's\n"
    "  --rounds N        the sides take turns N times (default 5), up to three times that where "
    "they differ\n"
    "  --seconds S       how long one timing of a loop takes at least (default 0.15)\n"
    "  --before DIR      programs of another build, as one more side: what a change has changed\n"
    "  --one-processor   everything shares one\n"
    "  --curves          also over threads, sizes of directories and views; --long: up to 10^6 "
    "names, 1,000 views\n"
    "  --memory          also what 100,000 inodes cost\n"
    "  --output DIR      also table.txt, table.md, results.json and plot.svg there\n"
    "  TMPDIR (default /var/tmp) says which disk; SLUICE_BIN where sluice is (default: beside "
    "this)\n"
    "exit status: 3 where the machine is too busy to tell, 77 where it lacks something\n";
constexpr double kBarDeadline = 200, kBriefDeadline = 300;
constexpr double kDeadline = 3600;
constexpr int kTooBusy = 3;

struct Options {
  std::vector<std::string> rows, sides, files;
  std::string on, before, output;
  int rounds = 5;
  double seconds = 0.15;
  bool one_processor = false, curves = false, long_ones = false, memory = false;
  enum class What { kRows, kCompare, kRecordBrief, kBrief, kBar } what = What::kRows;
};

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> all;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(separator, start), text.size());
    if (end > start) all.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return all;
}

bool Parse(int argc, char** argv, Options* options) {
  using What = Options::What;
  const struct option known[] = {{"rows", required_argument, nullptr, 'r'},
                                 {"sides", required_argument, nullptr, 's'},
                                 {"on", required_argument, nullptr, 'o'},
                                 {"rounds", required_argument, nullptr, 'n'},
                                 {"seconds", required_argument, nullptr, 't'},
                                 {"before", required_argument, nullptr, 'b'},
                                 {"one-processor", no_argument, nullptr, '1'},
                                 {"curves", no_argument, nullptr, 'c'},
                                 {"long", no_argument, nullptr, 'l'},
                                 {"memory", no_argument, nullptr, 'm'},
                                 {"whole", no_argument, nullptr, 'w'},
                                 {"output", required_argument, nullptr, 'O'},
                                 {"compare", no_argument, nullptr, 'C'},
                                 {"record-brief", no_argument, nullptr, 'R'},
                                 {"brief", no_argument, nullptr, 'B'},
                                 {"bar", no_argument, nullptr, 'a'},
                                 {nullptr, 0, nullptr, 0}};
  for (int c; (c = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (c == 'r') options->rows = Split(optarg, ';');
    if (c == 's') options->sides = Split(optarg, ',');
    if (c == 'o') options->on = optarg;
    if (c == 'n') options->rounds = std::atoi(optarg);
    if (c == 't') options->seconds = std::atof(optarg);
    if (c == 'b') options->before = optarg;
    if (c == 'O') options->output = optarg;
    if (c == '1') options->one_processor = true;
    if (c == 'c' || c == 'w') options->curves = true;
    if (c == 'l' || c == 'w') options->long_ones = true;
    if (c == 'm' || c == 'w') options->memory = true;
    if (c == 'C') options->what = What::kCompare;
    if (c == 'R') options->what = What::kRecordBrief;
    if (c == 'B') options->what = What::kBrief;
    if (c == 'a') options->what = What::kBar;
    if (c == '?') return false;
  }
  options->files.assign(argv + optind, argv + argc);
  const size_t files = options->what == What::kCompare                                        ? 2
                       : options->what == What::kBrief || options->what == What::kRecordBrief ? 1
                                                                                              : 0;
  return options->files.size() == files && options->rounds > 0 && options->seconds > 0;
}

bool Wanted(const Options& options, const std::string& name) {
  if (options.rows.empty()) return true;
  return std::any_of(options.rows.begin(), options.rows.end(),
                     [&](const std::string& one) { return name.rfind(one, 0) == 0; });
}

std::vector<Result> Measured(const Options& options, const std::vector<Measure>& measures,
                             const std::vector<std::string>& sides, const Ground& ground,
                             const Deadline& deadline) {
  std::vector<Measure> wanted;
  for (const Measure& measure : measures) {
    if (Wanted(options, measure.name)) wanted.push_back(measure);
  }
  if (wanted.empty()) return {};
  // Before there are any sides, some of which do not see what is made behind them.
  for (const Measure& measure : wanted) FillSource(ground, measure.needs, deadline);
  std::vector<Result> results;
  Rounds rounds(ground, sides, deadline, options.seconds, options.before);
  for (const Measure& measure : wanted) {
    std::fprintf(stderr, "%s: %s\n", ground.name.c_str(), measure.name.c_str());
    for (Result& one : rounds.Run(measure, options.rounds)) results.push_back(std::move(one));
  }
  return results;
}

std::vector<std::string> SidesOf(const Options& options) {
  std::vector<std::string> sides = options.sides.empty() ? KnownSides() : options.sides;
  if (!options.before.empty()) sides.push_back(kBefore);
  return sides;
}

// Of curves: how ours goes, not how others do.
std::vector<std::string> OwnSides(const Options& options) {
  std::vector<std::string> sides = {kNative, kView};
  if (!options.before.empty()) sides.push_back(kBefore);
  return sides;
}

void Append(std::vector<Result>* all, std::vector<Result> more) {
  for (Result& one : more) all->push_back(std::move(one));
}

std::vector<Result> Curves(const Options& options, const Ground& ground, const Deadline& deadline) {
  std::vector<Measure> measures = ThreadCurves();
  for (Measure& one : SizeCurves(options.long_ones)) measures.push_back(std::move(one));
  std::vector<Result> results = Measured(options, measures, OwnSides(options), ground, deadline);
  if (Wanted(options, "open + close, views")) {
    std::fprintf(stderr, "%s: views\n", ground.name.c_str());
    Append(&results, ViewsCurve(ground, options.long_ones ? 1000 : 10, options.rounds,
                                options.seconds, deadline));
  }
  return results;
}

int MeasureRows(const Options& options, const Grounds& grounds, const Deadline& deadline) {
  std::vector<Result> results;
  std::vector<Growth> growth;
  for (const Ground& ground : grounds.all()) {
    if (!options.on.empty() && options.on != ground.name) continue;
    Append(&results, Measured(options, AllMeasures(), SidesOf(options), ground, deadline));
    if (options.curves) Append(&results, Curves(options, ground, deadline));
    if (options.memory) {
      std::fprintf(stderr, "%s: memory\n", ground.name.c_str());
      for (Growth& one : MemoryGrowth(ground, SidesOf(options), deadline)) growth.push_back(one);
    }
  }
  if (results.empty()) throw Failure("no row is called so");
  const std::string more = growth.empty() ? "" : GrowthText(growth);
  std::fputs((TableText(results, false) + more).c_str(), stdout);
  if (!options.output.empty()) {
    const std::string commit = Commit(deadline);
    nlohmann::json json = ToJson(results, commit);
    for (const Growth& one : growth) {
      json["kib_per_100000_inodes"][one.filesystem][one.side] = one.kib;
    }
    const std::string head = "Measured at commit " + commit + ", by tests/bench (view_bench).\n\n";
    WriteText(head + TableText(results, false) + more, options.output + "/table.txt");
    WriteText(head + TableText(results, true) + more, options.output + "/table.md");
    WriteText(json.dump(1) + "\n", options.output + "/results.json");
    WriteText(PlotSvg(results), options.output + "/plot.svg");
  }
  if (AllCanTell(results)) return 0;
  std::fputs(
      "view_bench: the machine is too busy to tell: run it again when it has nothing else to do\n",
      stderr);
  return kTooBusy;
}

int RecordBrief(Options options, const Grounds& grounds, const Deadline& deadline) {
  options.rows.assign(std::begin(kBrief), std::end(kBrief));
  std::vector<Result> results;
  for (const Ground& ground : grounds.all()) {
    Append(&results, Measured(options, AllMeasures(), {kNative, kView}, ground, deadline));
  }
  std::fputs(TableText(results, false).c_str(), stdout);
  // How long a disk takes for a new file is its own affair: by it the ratio is 1.2 on one and 2.4 on another.
  std::erase_if(results, [](const Result& one) { return one.measure == kCreate && one.filesystem != "tmpfs"; });
  if (!AllCanTell(results)) {
    std::fputs("view_bench: the machine is too busy to tell: nothing is recorded\n", stderr);
    return kTooBusy;
  }
  WriteText(ToJson(results, Commit(deadline)).dump(1) + "\n", options.files[0]);
  return 0;
}

int Compare(const Options& options) {
  const auto before = ReadJson(options.files[0]), now = ReadJson(options.files[1]);
  bool worse = false;
  const std::string text = CompareText(FromJson(before), FromJson(now), &worse);
  std::printf("before: %s\nnow: %s\n%s", before.value("commit", "unknown").c_str(),
              now.value("commit", "unknown").c_str(), text.c_str());
  return worse ? 1 : 0;
}

int Run(const Options& options) {
  using What = Options::What;
  if (options.what == What::kCompare) return Compare(options);
  PrepareProcess();
  NeedRootAndFuse();
  const bool brief = options.what == What::kBrief || options.what == What::kRecordBrief;
  if (options.one_processor || brief) StayOnOneProcessor();
  const bool whole = options.what == What::kRows || options.what == What::kRecordBrief;
  const Deadline deadline(whole                          ? kDeadline
                          : options.what == What::kBrief ? kBriefDeadline
                                                         : kBarDeadline);
  benchmark::CPUInfo::Get();  // once: it may take a while, and each timing would pay for it
  const Grounds grounds;
  if (options.what == What::kBar) return MeetsBars(grounds, deadline) ? 0 : 1;
  if (options.what == What::kRecordBrief) return RecordBrief(options, grounds, deadline);
  if (options.what == What::kBrief) {
    const auto recorded = FromJson(ReadJson(options.files[0]));
    return AsGoodAsRecorded(grounds, recorded, deadline) ? 0 : 1;
  }
  return MeasureRows(options, grounds, deadline);
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
