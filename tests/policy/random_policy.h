// Small random policies over calls that do no harm in a process without descriptors.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace sluice::sandbox {

using Random = std::mt19937;

inline uint32_t bits(Random& random) { return static_cast<uint32_t>(random()); }

inline uint32_t below(Random& random, uint32_t limit) { return bits(random) % limit; }

// The text of a policy. Most pass the lint; the others are to be skipped.
std::string random_policy(Random& random);

}  // namespace sluice::sandbox
