#include "rounds.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace sluicebench {
namespace {

constexpr int kMostTries = 3;  // times the rounds that were asked for

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

Rounds::Rounds(const Ground& ground, const std::vector<std::string>& names,
               const Deadline& deadline, double loop_seconds, const std::string& before)
    : ground_(ground), deadline_(deadline), loop_seconds_(loop_seconds) {
  sides_.push_back({kNative, MakeSide(kNative, ground, deadline)});
  for (const std::string& name : names) {
    if (name != kNative) sides_.push_back({name, MakeSide(name, ground, deadline, before)});
  }
}

Side& Rounds::side(const std::string& name) {
  const auto found = std::find_if(sides_.begin(), sides_.end(),
                                  [&](const Named& one) { return one.name == name; });
  if (found == sides_.end()) throw Failure("no side " + name);
  return *found->side;
}

// Each timing has a process of its own, so that google-benchmark begins anew and nothing of one
// timing (descriptors, mappings, the identity) is left in the next.
Rounds::Timing Rounds::Time(const Measure& measure, const Place& place) const {
  const auto timed = [&] {
    double iterations = 0;  // also the ones by which google-benchmark finds out how many it wants
    auto* const run =
        benchmark::RegisterBenchmark(measure.name.c_str(), [&](benchmark::State& state) {
          measure.body(state, place);
          iterations += static_cast<double>(state.iterations());
        });
    if (measure.kind == Measure::Kind::kPass) {
      run->Iterations(1)->UseManualTime();
    } else {
      run->MinTime(loop_seconds_)->UseRealTime();
    }
    Keeper keeper;
    const Cost before = OwnCost();
    benchmark::RunSpecifiedBenchmarks(&keeper, "all");
    return Bytes(
        Timing{keeper.seconds / measure.items, iterations * measure.items, OwnCost() - before});
  };
  const std::string what = measure.name + " in " + place.directory;
  const std::string bytes = InChild(kIdentity, timed, deadline_, what);
  Timing timing{};
  if (bytes.size() != sizeof(timing)) throw Failure(what + ": no result");
  std::memcpy(&timing, bytes.data(), sizeof(timing));
  if (!(timing.seconds > 0)) throw Failure(what + ": nothing was timed");
  return timing;
}

Rounds::Timing Rounds::TimeSide(const Measure& measure, Side& side, Result* result) {
  if (measure.state == Measure::State::kFirst) side.Renew();
  const std::string scratch = FreshName();
  const Place place{side.directory(), side.directory() + scratch, ground_.base};
  if (measure.prepare) {
    const auto prepare = [&] {
      measure.prepare(place);
      return std::string();
    };
    (void)InChild(kIdentity, prepare, deadline_, "preparing " + measure.name);
  }
  const Counts before = side.Requests();
  const Cost served = ServersCost(side.server());
  Timing timing = Time(measure, place);
  timing.cost = timing.cost + (ServersCost(side.server()) - served);
  if (result != nullptr) {
    for (const auto& [name, count] : side.Requests()) {
      const auto was = before.find(name);
      const uint64_t more = count - (was == before.end() ? 0 : was->second);
      if (more > 0) result->requests[name] += more;
    }
    result->operations += timing.operations;
    result->switches += timing.cost.switches;
  }
  // By the same way as it was made: not all of them see what goes away behind them.
  const auto clean_up = [&] {
    RunCommand({"rm", "-rf", place.scratch});
    return std::string();
  };
  if (measure.prepare) (void)InChild(kIdentity, clean_up, deadline_, "cleaning up " + measure.name);
  return timing;
}

void Rounds::OneRound(const Measure& measure, size_t number, std::vector<Result>* results) {
  const size_t count = sides_.size();
  std::vector<Timing> timings(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t of = (number + i) % count;  // each is first as often as the others
    Result* const result = of == 0 ? nullptr : &(*results)[of - 1];
    if (result != nullptr && result->failed) continue;
    try {
      timings[of] = TimeSide(measure, *sides_[of].side, result);
      seconds_[of].push_back(timings[of].seconds);
    } catch (const Failure& failure) {
      // Not everything works with everybody. With ours it does.
      if (result == nullptr || result->side == kView || result->side == kBefore) throw;
      std::fprintf(stderr, "bench: %s: %s\n", result->side.c_str(), failure.what());
      (void)deadline_.Left(0, measure.name);
      result->failed = true;
    }
  }
  const Timing& native = timings[0];
  const auto cpu_each = [](const Timing& one) { return one.cost.cpu_seconds / one.operations; };
  for (size_t i = 1; i < count; ++i) {
    Result& result = (*results)[i - 1];
    if (result.failed) continue;
    const double slower = timings[i].seconds / native.seconds;
    result.ratios.push_back(measure.better == Measure::Better::kHigher ? 1 / slower : slower);
    if (cpu_each(native) > 0) result.cpu_ratios.push_back(cpu_each(timings[i]) / cpu_each(native));
  }
}

std::vector<Result> Rounds::Run(const Measure& measure, int rounds) {
  std::vector<Result> results;
  seconds_.assign(sides_.size(), {});
  const bool in_memory = ground_.name == "tmpfs";
  const double goal = in_memory ? measure.goal.memory : measure.goal.disk;
  const double bindfs = in_memory ? measure.goal.bindfs_memory : measure.goal.bindfs_disk;
  for (size_t i = 1; i < sides_.size(); ++i) {
    results.push_back({measure.name, ground_.name, sides_[i].name, measure.curve, measure.at,
                       measure.better, goal, bindfs == 0 ? 0 : goal / bindfs});
  }
  const auto can_tell = [&] {
    return std::all_of(results.begin(), results.end(), [](const Result& one) {
      const bool ours = one.side == kView || one.side == kBefore;
      return !ours || one.can_tell();
    });
  };
  for (int tries = 0; tries < kMostTries && (tries == 0 || !can_tell()); ++tries) {
    for (int i = 0; i < rounds; ++i) {
      OneRound(measure, static_cast<size_t>(tries * rounds + i), &results);
    }
  }
  for (size_t i = 1; i < sides_.size(); ++i) {
    results[i - 1].native_seconds = Median(seconds_[0]);
    results[i - 1].seconds = Median(seconds_[i]);
  }
  return results;
}

Result Rounds::RunOne(const Measure& measure, const std::string& side, int rounds) {
  for (Result& result : Run(measure, rounds)) {
    if (result.side == side) return std::move(result);
  }
  throw Failure("no side " + side);
}

}  // namespace sluicebench
