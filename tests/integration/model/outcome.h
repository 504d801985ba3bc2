// What an operation gave: the same on both sides, or the test has found something.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::model {

struct Outcome {
  int64_t value = 0;
  int error = 0;
  std::string data;  // what was read, or the attributes in words
  bool operator==(const Outcome&) const = default;
};

// Of a system call that says -1 and errno. Takes errno now.
inline Outcome outcome(int64_t result, std::string data = {}) {
  if (result < 0) return {-1, errno, {}};
  return {result, 0, std::move(data)};
}

// For people: short, one line.
std::string show(const Outcome& outcome);

// Bytes as C would have them in quotes; long ones are shortened in the middle.
std::string escaped(std::string_view bytes, size_t most = 60);

std::string hex_hash(std::string_view bytes);

// `length` bytes that depend on the seed only; runs of equal bytes, so that a diff can be read.
std::string pattern(uint64_t seed, size_t length);

}  // namespace sluice::model
