#include "sandbox/compiler/cubes.h"

#include <bit>

namespace sluice::sandbox {
namespace {

struct Masked {
  uint64_t mask;
  uint64_t value;
};

// low <= x <= high as blocks of 2^n aligned numbers, the fewest there are.
std::vector<Masked> blocks_of(uint64_t low, uint64_t high, uint64_t width) {
  std::vector<Masked> blocks;
  while (true) {
    const int aligned = low == 0 ? std::popcount(width) : std::countr_zero(low);
    int bits = 0;
    while (bits < aligned && (low | ((uint64_t{2} << bits) - 1)) <= high) ++bits;
    const uint64_t inside = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
    blocks.push_back({width & ~inside, low});
    if ((low | inside) >= high) return blocks;
    low = (low | inside) + 1;
  }
}

std::vector<Masked> masked_of(const Condition& condition, uint64_t width) {
  switch (condition.relation) {
    case Relation::kAtMost:
      return blocks_of(0, condition.value, width);
    case Relation::kAtLeast:
      return blocks_of(condition.value, width, width);
    case Relation::kEqual:
      break;
  }
  return {{condition.mask, condition.value}};
}

}  // namespace

std::vector<Cube> cubes_of(const Rule& rule) {
  std::vector<Cube> cubes(1);
  for (const Condition& condition : rule.conditions) {
    const unsigned arg = condition.arg;
    std::vector<Cube> both;
    for (const Masked& more : masked_of(condition, width_mask(rule.info->args[arg]))) {
      for (Cube cube : cubes) {
        // Both ask for a bit, and not for the same value of it: never true together.
        if (((cube.value[arg] ^ more.value) & cube.mask[arg] & more.mask) != 0) continue;
        cube.mask[arg] |= more.mask;
        cube.value[arg] |= more.value;
        both.push_back(cube);
      }
    }
    cubes = std::move(both);
    if (cubes.size() > kMostCubes) break;
  }
  return cubes;
}

}  // namespace sluice::sandbox
