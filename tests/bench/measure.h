// What is measured: one operation on a directory, which is a source or another side of it.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "ground.h"

namespace sluicebench {

struct Place {
  std::string directory;  // the source, or another side of it
  std::string scratch;    // in it; not there yet, and a new one for each timing
  std::string base;       // of the ground: what is outside the source
};

// What a view is to reach, on a disk's filesystem and on a tmpfs; 0: nothing in particular.
struct Goal {
  double disk = 0;
  double memory = 0;
  // What bindfs took on the machine that the goals are of. To wake another process costs several times as much on one machine
  // as on another, beside what a system call does; so a ratio to native says less than which part of bindfs's time it is.
  double bindfs_disk = 0;
  double bindfs_memory = 0;
};

struct Measure {
  enum class Better { kHigher, kLower };
  enum class Kind {
    kLoop,  // as often as google-benchmark wants
    kPass,  // once, with a time of its own (SetIterationTime)
  };

  std::string name;
  Better better;  // kHigher: throughput, native time / its time; kLower: its time / native time
  Kind kind;
  int items;    // operations in one iteration
  Needs needs;  // of the source
  enum class State {
    kDone,   // it has been done before, by this side
    kFirst,  // the side is a new one for each timing; what is below it is cached all the same
  } state;
  Goal goal;
  std::function<void(const Place&)> prepare;                  // before the timing; may be empty
  std::function<void(benchmark::State&, const Place&)> body;  // throws Failure
  std::string curve = {};  // of a point of a curve: the curve's name,
  double at = 0;           // and where it is on it
};

std::vector<Measure> DataMeasures();
std::vector<Measure> NameMeasures();
std::vector<Measure> CommandMeasures();
std::vector<Measure> ThreadCurves();
// Directories of up to 100,000 names, and with `long_ones` up to a million.
std::vector<Measure> SizeCurves(bool long_ones);

// The rows of the table: all but the curves.
inline std::vector<Measure> AllMeasures() {
  std::vector<Measure> all = DataMeasures();
  for (Measure& one : NameMeasures()) all.push_back(std::move(one));
  for (Measure& one : CommandMeasures()) all.push_back(std::move(one));
  return all;
}

// One pass: body(i) for each i, with the time that all of them took.
template <typename Body>
void Pass(benchmark::State& state, int count, const Body& body) {
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) body(i);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(took.count());
  }
}

// The ones by which `view_bench --bar` judges.
inline constexpr char kRandomWrite[] = "random write 4 KiB";
inline constexpr char kSequentialRead[] = "sequential read 1 MiB";
inline constexpr char kOpenClose[] = "open + close, one file";

}  // namespace sluicebench
