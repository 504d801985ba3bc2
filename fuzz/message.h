// A mutator that knows how our messages are made: a header, and behind it parts whose lengths the
// header has. Bytes changed at random hardly ever have lengths that fit, and get no further than
// the first check.
//
// A target uses it by one line: FUZZ_MESSAGE(48, {28, 4}, {32}, {36}). Where the engine takes no
// mutator (AFL++, the replay of a corpus) that line does nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace sluice::fuzz {

// Where the header has the length of a part, as 32 bits, and what it counts in bytes.
struct PartLength {
  size_t offset;
  size_t unit = 1;
};

// prefix: bytes in front of the message that choose what is done with it.
size_t mutate_message(size_t prefix, size_t header, const std::vector<PartLength>& parts,
                      uint8_t* data, size_t size, size_t most, unsigned seed);

}  // namespace sluice::fuzz

#define FUZZ_MESSAGE_BEHIND(prefix, header, ...)                                                  \
  extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most,              \
                                            unsigned seed);                                       \
  extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most,              \
                                            unsigned seed) {                                      \
    return ::sluice::fuzz::mutate_message(prefix, header, {__VA_ARGS__}, data, size, most, seed); \
  }
#define FUZZ_MESSAGE(header, ...) FUZZ_MESSAGE_BEHIND(0, header, __VA_ARGS__)
