// Numbers for the places of a directory where names may be hidden: the filesystem's own cookies tell of the name that comes next,
// seen or not.
//
// One for each directory, whoever has it open and as long as anybody has, or the kernel remembers its listing: the number that
// it has from one of them it may use with any other. What a number stands for is written down, so that a listing goes on
// where it was, in another worker too.
//
// Used by the main thread only.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "worker/legacy.h"

namespace sluice::worker {

class Numbering {
 public:
  // legacy: borrowed. left: what a worker before this one has numbered; nullptr: nothing.
  Numbering(Legacy& legacy, uint64_t directory, const wire::LeftListing* left);
  ~Numbering() { legacy_.drop_places(records_); }
  Numbering(const Numbering&) = delete;
  Numbering& operator=(const Numbering&) = delete;

  // The same each time, whatever was listed in between.
  int64_t number_of(int64_t place);
  // Nothing: no such number was given.
  std::optional<int64_t> place_of(int64_t number) const;

 private:
  Legacy& legacy_;
  const uint64_t directory_;  // nodeid
  std::vector<int64_t> places_;  // of each number, from 1 on
  absl::flat_hash_map<int64_t, int64_t> numbers_;
  std::vector<uint32_t> records_;  // where they are written down
};

}  // namespace sluice::worker
