// A store that who comes after this process sees in the order of the text.
//
// This process may be killed between any two of them. No processor undoes or reorders, for another process, what
// one thread has stored before it stopped; only the compiler has to be told.
#pragma once

#include <atomic>

#include "worker/step.h"

namespace sluice::worker {

template <typename T>
void put(T& where, T value) {
  step();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  __atomic_store_n(&where, value, __ATOMIC_RELAXED);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace sluice::worker
