// What the command line says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace sluice::model {

inline constexpr uid_t kUser = 61234;

struct Options {
  std::string programs;  // directory of sluice
  std::string work;      // where the work directory is made
  std::string only;      // a part of the names of the phases to run; empty: all
  uint64_t seed = 1;
  size_t steps = 400;  // of a round
  size_t rounds = 12;  // of each process
  size_t processes = 4;
  int deadline_seconds = 540;
  bool one_round = false;   // --seed: the round with this very seed, and nothing else
  bool keep_going = false;  // after a mismatch, with the next round
  bool self_check = false;  // both sides plain: finds the test's own mistakes
};

// Ends the process where they make no sense.
Options parse_options(int argc, char** argv);

}  // namespace sluice::model
