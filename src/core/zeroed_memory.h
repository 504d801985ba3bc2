// Memory that is zero, and that the kernel supplies page by page as it is touched. PURE.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace sluice::core {

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};
template <typename T>
using Memory = std::unique_ptr<T[], FreeMemory>;

// None left: the process ends.
template <typename T>
Memory<T> zeroed_memory(size_t count) {
  void* memory = std::calloc(count, sizeof(T));
  if (memory == nullptr) std::abort();
  return Memory<T>(static_cast<T*>(memory));
}

}  // namespace sluice::core
