// The conditions of one line as alternatives of masked comparisons, the one kind that libseccomp is
// given.
//
// Why not its other operators: they compare all 64 bits of a register. Of an int argument the
// kernel reads the lower 32 only, so with SCMP_CMP_GE or NE a caller sets an upper bit and passes
// with any fd, and with LE an honest caller dies of what its compiler left there. (The SCMP_A0_32
// macros cut the value, not the register.) A masked comparison can leave the upper half out, and a
// range is a few of them: 10 to 63 is 10-11, 12-15, 16-31 and 32-63, each one comparison of leading
// bits. Besides, libseccomp refuses two conditions on one argument in one rule; here they are
// merged.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sandbox/compiler/policy.h"

namespace sluice::sandbox {

// (args[i] & mask[i]) == value[i] for each i; a mask of 0 asks nothing.
struct Cube {
  std::array<uint64_t, 6> mask{};
  std::array<uint64_t, 6> value{};
};

inline constexpr size_t kMostCubes = 128;  // per line

// The line is true where one of the cubes is. Empty where it can never be true; more than
// kMostCubes (and then not all of them) where the ranges multiply to too many.
std::vector<Cube> cubes_of(const Rule& rule);

}  // namespace sluice::sandbox
