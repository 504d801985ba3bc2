// start_bench: the time from `sluice mount` to a view that serves, what `sluice run -- true` takes
// longer than true, and the memory of an idle view.
// Fails where one of them is above its bar.
//   start_bench --views N [FILE]   what N views cost, most of which nobody uses, instead; FILE gets the table
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>

#include "bar.h"
#include "ground.h"
#include "many_views.h"
#include "memory.h"
#include "process.h"
#include "ratio.h"
#include "starts.h"
#include "view.h"

namespace sluicebench {
namespace {

constexpr int kRuns = 20;
constexpr double kDeadlineSeconds = 240;
constexpr double kManyDeadlineSeconds = 1800;

// Whether the slowest of them kept to the bar.
bool Report(const std::string& what, const std::vector<double>& seconds) {
  const double most = *std::max_element(seconds.begin(), seconds.end());
  const bool met = most <= kMostSecondsToServe;
  const double least = *std::min_element(seconds.begin(), seconds.end());
  std::printf("%-44s %9.1f %9.1f %9.1f   <= %g%s\n", what.c_str(), least * 1e3,
              Median(seconds) * 1e3, most * 1e3, kMostSecondsToServe * 1e3,
              met ? "" : "  TOO LONG");
  std::fflush(stdout);
  return met;
}

// The same of `sluice run`, with what is added to true by itself. By its median: one command that is
// late holds up nobody else.
bool ReportRun(const std::string& what, const RunTimes& times) {
  const bool met = Median(times.more) <= kMostSecondsToRun;
  std::printf("%-44s %9.1f %9.1f %9.1f   <= %g%s\n", what.c_str(), Median(times.run) * 1e3,
              Quantile(times.run, 0.9) * 1e3, Median(times.more) * 1e3, kMostSecondsToRun * 1e3,
              met ? "" : "  TOO LONG");
  std::fflush(stdout);
  return met;
}

bool RunTrue(const Ground& ground, const std::string& socket, const Deadline& deadline) {
  const Listener service(socket, deadline);
  const std::string title = "ms of sluice run -- true, " + std::to_string(kRuns) + " runs";
  std::printf("\n%-44s %9s %9s %9s\n", title.c_str(), "p50", "p90", "more");
  bool met = true;
  const std::vector<std::vector<std::string>> all = {
      {}, {"--unshare-all"}, {"--only", ground.base}, {"--only", ground.base, "--unshare-all"}};
  for (const auto& options : all) {
    std::string what = ground.name;
    for (const std::string& word : options) what += word == ground.base ? " DIR" : " " + word;
    met = ReportRun(what, SecondsToRunTrue(ground, kRuns, deadline, socket, options)) && met;
  }
  return met;
}

int Run() {
  PrepareProcess();
  NeedRootAndFuse();
  const Deadline deadline(kDeadlineSeconds);
  const Grounds grounds;
  bool met = true;
  const std::string title = "ms to a served view, " + std::to_string(kRuns) + " runs";
  std::printf("%-44s %9s %9s %9s\n", title.c_str(), "least", "median", "most");
  for (const Ground& ground : grounds.all()) {
    met = Report(ground.name + ", sluice mount alone", SecondsToServe(ground, kRuns, deadline)) &&
          met;
    const std::string socket = grounds.base() + "/" + ground.name + ".sock";
    const Listener service(socket, deadline);
    const auto seconds = SecondsToServe(ground, kRuns, deadline, socket);
    met = Report(ground.name + ", with a service that runs", seconds) && met;
  }
  const Ground& first = grounds.all().front();
  met = RunTrue(first, grounds.base() + "/run.sock", deadline) && met;
  std::printf("\n");
  const std::vector<Memory> memory = IdleMemory(first, deadline);
  PrintMemory(memory);
  const bool small = BrokerAndWorker(memory).private_kib <= kMostPrivateKib;
  std::printf("broker and worker <= %ld private%s\n", kMostPrivateKib, small ? "" : "  TOO MUCH");
  return met && small ? 0 : 1;
}

int RunMany(int views, const char* file) {
  PrepareProcess();
  NeedRootAndFuse();
  const Deadline deadline(kManyDeadlineSeconds);
  const Grounds grounds;
  const std::string table = ManyViews(grounds.all().back(), views, deadline);
  const std::string text = "Measured at commit " + Commit(deadline) + ", by tests/bench (start_bench --views).\n\n" + table;
  std::fputs(text.c_str(), stdout);
  if (file == nullptr) return 0;
  std::ofstream out(file);
  out << text;
  return out.flush() ? 0 : 1;
}

}  // namespace
}  // namespace sluicebench

int main(int argc, char** argv) {
  int status = 1;
  const int views = argc >= 3 && std::string_view(argv[1]) == "--views" ? std::atoi(argv[2]) : 0;
  if (argc > 1 && views <= 0) {
    std::fprintf(stderr, "usage: start_bench [--views N [FILE]]\n");
    return 2;
  }
  try {
    status = views > 0 ? sluicebench::RunMany(views, argc > 3 ? argv[3] : nullptr) : sluicebench::Run();
  } catch (const sluicebench::Missing& missing) {
    return sluicebench::SkipStatus("start_bench", missing.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "start_bench: %s\n", error.what());
  }
  sluicebench::EndDescendants();
  return status;
}
