// Files mapped into memory.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/integration/model/catalogue.h"

namespace sluice::model {
namespace {

constexpr int64_t kPage = 4096;

// Beyond the last page of the file there is SIGBUS, on both sides.
sigjmp_buf recovery;
volatile sig_atomic_t guarded = 0;

void on_bus_error(int) {
  if (guarded != 0) siglongjmp(recovery, 1);
  ::signal(SIGBUS, SIG_DFL);
}

void handle_bus_errors() {
  struct sigaction action {};
  action.sa_handler = on_bus_error;
  ::sigaction(SIGBUS, &action, nullptr);
}

void make_map(Random& random, const World& world, Operation& operation) {
  operation.slot = static_cast<int>(random.below(Side::kMappings));
  operation.other = world.open_file(random);
  operation.offset = random.between(0, 8) * kPage;
  operation.length = random.between(1, 20) * kPage;
  operation.flags = random.chance(60) ? MAP_SHARED : MAP_PRIVATE;
  constexpr uint32_t kProtections[] = {PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
                                       PROT_READ | PROT_EXEC};
  operation.mode = random.pick(kProtections);
}

Outcome run_map(Side& side, const Operation& operation) {
  const int file = side.file(operation.other);
  void* start = ::mmap(nullptr, static_cast<size_t>(operation.length),
                       static_cast<int>(operation.mode), operation.flags, file, operation.offset);
  if (start == MAP_FAILED) return outcome(-1);
  side.unmap(operation.slot);
  side.mapping(operation.slot) = {static_cast<char*>(start), static_cast<size_t>(operation.length),
                                  operation.offset, ::fcntl(file, F_DUPFD_CLOEXEC, 0),
                                  (operation.mode & PROT_WRITE) != 0};
  return {};
}

void make_touch(Random& random, const World& world, Operation& operation) {
  operation.slot = world.live_mapping(random);
  operation.offset = random.between(0, 19 * kPage);
  operation.length = random.between(1, 6000);
}

Outcome run_map_read(Side& side, const Operation& operation) {
  const Mapping& mapping = side.mapping(operation.slot);
  if (mapping.start == nullptr) return {-1, EBADF, {}};
  const size_t start = std::min(static_cast<size_t>(operation.offset), mapping.length);
  const size_t length = std::min(static_cast<size_t>(operation.length), mapping.length - start);
  std::string data(length, '\0');
  handle_bus_errors();
  if (sigsetjmp(recovery, 1) != 0) {
    guarded = 0;
    return {-1, EFAULT, "SIGBUS"};
  }
  guarded = 1;
  std::memcpy(data.data(), mapping.start + start, length);
  guarded = 0;
  return {static_cast<int64_t>(length), 0, std::move(data)};
}

// Only up to the end of the file: what is behind it in the last page is nobody's.
Outcome run_map_write(Side& side, const Operation& operation) {
  const Mapping& mapping = side.mapping(operation.slot);
  if (mapping.start == nullptr || !mapping.writable) return {-1, EBADF, {}};
  struct stat stat;
  if (::fstat(mapping.file, &stat) < 0) return outcome(-1);
  const int64_t end =
      std::clamp<int64_t>(stat.st_size - mapping.offset, 0, static_cast<int64_t>(mapping.length));
  const int64_t start = std::min(operation.offset, end);
  const int64_t length = std::min(operation.length, end - start);
  const std::string data = pattern(operation.seed, static_cast<size_t>(length));
  handle_bus_errors();
  if (sigsetjmp(recovery, 1) != 0) {
    guarded = 0;
    return {-1, EFAULT, "SIGBUS"};
  }
  guarded = 1;
  std::memcpy(mapping.start + start, data.data(), data.size());
  guarded = 0;
  return {length, 0, {}};
}

Outcome run_map_sync(Side& side, const Operation& operation) {
  const Mapping& mapping = side.mapping(operation.slot);
  if (mapping.start == nullptr) return {-1, EBADF, {}};
  return outcome(::msync(mapping.start, mapping.length, MS_SYNC));
}

Outcome run_unmap(Side& side, const Operation& operation) {
  side.unmap(operation.slot);
  return {};
}

}  // namespace

void add_map_operations(Catalogue& catalogue) {
  catalogue.add({"map", 16, make_map, run_map});
  catalogue.add({"map_read", 16, make_touch, run_map_read});
  catalogue.add({"map_write", 20, make_touch, run_map_write});
  catalogue.add({"map_sync", 2, make_touch, run_map_sync});
  catalogue.add({"unmap", 5, make_touch, run_unmap});
}

}  // namespace sluice::model
