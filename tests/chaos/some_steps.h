// At which steps of an operation somebody dies. All of them take minutes, and neighbours mostly find the same: a check takes
// every second one, and which half it is differs from run to run.
#pragma once

namespace sluice::model {

struct SomeSteps {
  int first = 1;
  int stride = 1;
};

// SLUICE_LONG=1: all of them. SLUICE_HALF=1 or 2: every second one from that on; otherwise the time says from which. It is printed.
SomeSteps some_steps();

}  // namespace sluice::model
