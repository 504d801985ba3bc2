// One call with all its arguments: can be run on any side, any number of times, and printed.
#pragma once

#include <cstdint>
#include <string>

#include "tests/integration/model/outcome.h"
#include "tests/integration/model/side.h"

namespace sluice::model {

struct Operation {
  const char* name = "";
  Outcome (*run)(Side&, const Operation&) = nullptr;
  int directory = -1;  // what `path` is relative to; -1: the side's root
  int slot = 0;        // of the file, directory or mapping it works on
  int other = 0;       // of a second one
  std::string path;
  std::string path2;
  std::string text;  // the name of an attribute
  int flags = 0;
  uint32_t mode = 0;
  int64_t offset = 0;
  int64_t offset2 = 0;
  int64_t length = 0;
  uint64_t seed = 0;  // of the data
};

std::string describe(const Operation& operation);

}  // namespace sluice::model
