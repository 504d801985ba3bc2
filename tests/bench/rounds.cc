#include "rounds.h"

#include <benchmark/benchmark.h>

#include <cstring>

namespace sluicebench {
namespace {

// Keeps what google-benchmark measured instead of printing it.
class Keeper : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      seconds = run.real_accumulated_time / static_cast<double>(run.iterations);
    }
  }
  double seconds = 0;  // of one iteration
};

template <typename T>
std::string Bytes(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string FreshName() {
  static int number = 0;
  return "/scratch" + std::to_string(++number);
}

}  // namespace

double Result::requests_each() const {
  uint64_t sum = 0;
  for (const auto& [name, count] : requests) sum += count;
  return operations > 0 ? static_cast<double>(sum) / operations : 0;
}

Place Rounds::Prepared(const Measure& measure, const std::string& directory) const {
  Place place{directory, directory + FreshName()};
  if (!measure.prepare) return place;
  const auto prepare = [&] {
    measure.prepare(place);
    return std::string();
  };
  (void)InChild(kIdentity, prepare, deadline_, "preparing " + std::string(measure.name));
  return place;
}

// Each timing has a process of its own, so that google-benchmark begins anew and nothing of one
// timing (descriptors, mappings, the identity) is left in the next.
Rounds::Timing Rounds::Time(const Measure& measure, const Place& place) const {
  const auto timed = [&] {
    double iterations = 0;  // also the ones by which google-benchmark finds out how many it wants
    auto* const run = benchmark::RegisterBenchmark(measure.name, [&](benchmark::State& state) {
      measure.body(state, place);
      iterations += static_cast<double>(state.iterations());
    });
    if (measure.kind == Measure::Kind::kPass) {
      run->Iterations(1)->UseManualTime();
    } else {
      run->MinTime(loop_seconds_)->UseRealTime();
    }
    Keeper keeper;
    benchmark::RunSpecifiedBenchmarks(&keeper, "all");
    return Bytes(Timing{keeper.seconds / measure.items, iterations * measure.items});
  };
  const std::string what = std::string(measure.name) + " in " + place.directory;
  const std::string bytes = InChild(kIdentity, timed, deadline_, what);
  Timing timing{};
  if (bytes.size() != sizeof(timing)) throw Failure(what + ": no result");
  std::memcpy(&timing, bytes.data(), sizeof(timing));
  if (!(timing.seconds > 0)) throw Failure(what + ": nothing was timed");
  return timing;
}

Rounds::Timing Rounds::TimeView(const Measure& measure, Result* result) {
  if (measure.first || !view_) {
    view_.reset();  // one at a time at the target
    view_ = std::make_unique<View>(ground_, deadline_);
  }
  const Place place = Prepared(measure, ground_.target());
  const Counts before = view_->Requests(deadline_);
  const Timing timing = Time(measure, place);
  for (const auto& [name, count] : view_->Requests(deadline_)) {
    const auto was = before.find(name);
    const uint64_t more = count - (was == before.end() ? 0 : was->second);
    if (more > 0) result->requests[name] += more;
  }
  result->operations += timing.operations;
  return timing;
}

Result Rounds::Run(const Measure& measure, int rounds) {
  Result result{measure.name, ground_.name, measure.better};
  std::vector<double> natives, views;
  for (int round = 0; round < rounds; ++round) {
    const bool view_first = round % 2 == 1;
    double view = view_first ? TimeView(measure, &result).seconds : 0;
    const double native = Time(measure, Prepared(measure, ground_.source())).seconds;
    if (!view_first) view = TimeView(measure, &result).seconds;
    natives.push_back(native);
    views.push_back(view);
    result.ratios.push_back(measure.better == Measure::Better::kHigher ? native / view
                                                                       : view / native);
  }
  result.native_seconds = Median(natives);
  result.view_seconds = Median(views);
  return result;
}

}  // namespace sluicebench
