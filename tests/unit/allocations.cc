// One definition per test program. noinline: inlined, gcc would see malloc's memory given to delete and
// warn of a mismatch.
#include "tests/unit/allocations.h"

#include <cstdlib>
#include <new>

namespace {
thread_local size_t count = 0;
}
size_t sluice::test::allocations() { return count; }

[[gnu::noinline]] void* operator new(size_t size) {
  ++count;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return operator new(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
