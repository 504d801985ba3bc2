// What is measured: one operation on a directory, which is a source or its view.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

namespace sluicebench {

struct Place {
  std::string directory;  // the source, or the view of it
  std::string scratch;    // in it; not there yet, and a new one for each timing
};

struct Measure {
  enum class Better { kHigher, kLower };
  enum class Kind {
    kLoop,  // as often as google-benchmark wants
    kPass,  // once, with a time of its own (SetIterationTime)
  };

  const char* name;
  Better better;  // kHigher: throughput, native time / view time; kLower: view time / native time
  Kind kind;
  int items;   // operations in one iteration
  bool first;  // the view is a new one for each timing; what is below it is cached all the same
  std::function<void(const Place&)> prepare;                  // before the timing; may be empty
  std::function<void(benchmark::State&, const Place&)> body;  // throws Failure
};

std::vector<Measure> DataMeasures();
std::vector<Measure> NameMeasures();
inline std::vector<Measure> AllMeasures() {
  std::vector<Measure> all = DataMeasures();
  for (Measure& one : NameMeasures()) all.push_back(std::move(one));
  return all;
}

// The ones by which `view_bench --bar` judges.
inline constexpr char kRandomWrite[] = "random write 4 KiB";
inline constexpr char kSequentialRead[] = "sequential read 1 MiB";
inline constexpr char kOpenClose[] = "open + close, one file";

}  // namespace sluicebench
