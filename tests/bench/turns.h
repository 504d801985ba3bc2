// Turns: the same few operations in several views of one source, a few milliseconds at a time, so
// that what else the machine does meets all of them alike.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ground.h"
#include "process.h"
#include "ratio.h"
#include "view.h"

namespace sluicebench {

inline constexpr int kWarmUpRounds = 2;  // more than asked for, of which nothing is kept

// What the programs are, of which a view is made.
struct Variant {
  std::string name;
  std::string directory;  // of its sluice-broker and sluice-worker
  bool filtered;          // whether these run under their seccomp filters
};

struct Turn {
  const char* name;
  int batch;  // operations at a time
  // One operation in this directory, a view; number: never the same again of this turn.
  void (*once)(const std::string& directory, int number);
  const char* request;  // that each operation sends to the worker once
};

struct Timings {
  std::string name;
  std::vector<std::vector<double>> seconds;  // of one operation, by round, then by variant
  std::vector<double> Of(size_t variant) const;
  Ratio ToFirst(size_t variant) const;  // as ratio to the first variant in the same round
};

// A view of the ground for each variant, all at the same time.
class Stage {
 public:
  Stage(const Ground& ground, const std::vector<Variant>& variants, const Deadline& deadline);
  // Throws Failure where the worker was not asked as often as it should be.
  Timings Run(const Turn& turn, int rounds);

 private:
  void CheckFilters(const Variant& variant, const View& view) const;
  uint64_t Count(size_t variant, const char* request) const;

  const Deadline& deadline_;
  std::vector<Ground> grounds_;
  std::vector<std::unique_ptr<View>> views_;
  std::map<std::string, int> next_;  // by the turn's name: the number of its next operation
};

}  // namespace sluicebench
