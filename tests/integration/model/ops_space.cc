// How large a file is and where it has blocks.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/model/catalogue.h"

namespace sluice::model {
namespace {

constexpr int64_t kMostSize = 300000;

int64_t some_size(Random& random) {
  switch (random.below(6)) {
    case 0:
      return 0;
    case 1:
      return random.between(0, 70) * 4096;
    case 2:
      return random.between(0, 100);
    case 3:
      return random.chance(10) ? -1 : 1;
    default:
      return random.between(0, kMostSize);
  }
}

void make_ftruncate(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  operation.length = some_size(random);
}

Outcome run_ftruncate(Side& side, const Operation& operation) {
  return outcome(::ftruncate(side.file(operation.slot), operation.length));
}

void make_truncate(Random& random, const World& world, Operation& operation) {
  operation.path = world.path(random, World::Want::kFile);
  operation.length = some_size(random);
}

Outcome run_truncate(Side& side, const Operation& operation) {
  return outcome(::truncate(side.below(operation.path).c_str(), operation.length));
}

void make_allocate(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  constexpr int kModes[] = {0,
                            FALLOC_FL_KEEP_SIZE,
                            FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            FALLOC_FL_PUNCH_HOLE,
                            FALLOC_FL_ZERO_RANGE,
                            FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
  operation.flags = random.pick(kModes);
  operation.offset = some_size(random);
  operation.length = some_size(random);
}

Outcome run_allocate(Side& side, const Operation& operation) {
  return outcome(
      ::fallocate(side.file(operation.slot), operation.flags, operation.offset, operation.length));
}

void make_find(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  operation.flags = random.chance(50) ? SEEK_DATA : SEEK_HOLE;
  operation.offset = some_size(random);
}

// Of files only: what the offsets of directories mean is the filesystem's own affair.
Outcome run_find(Side& side, const Operation& operation) {
  struct stat stat;
  if (::fstat(side.file(operation.slot), &stat) == 0 && S_ISDIR(stat.st_mode)) return {};
  return outcome(::lseek(side.file(operation.slot), operation.offset, operation.flags));
}

void make_copy(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  operation.other = world.open_file(random);
  operation.offset = some_size(random);
  operation.offset2 = some_size(random);
  operation.length = random.between(0, 100000);
}

// Not with O_DIRECT, which a view's copy knows nothing of: it also does what is not aligned.
Outcome run_copy(Side& side, const Operation& operation) {
  for (const int slot : {operation.slot, operation.other}) {
    const int flags = ::fcntl(side.file(slot), F_GETFL);
    if (flags >= 0 && (flags & O_DIRECT) != 0) return {};
  }
  off_t from = operation.offset;
  off_t to = operation.offset2;
  const ssize_t copied =
      ::copy_file_range(side.file(operation.slot), &from, side.file(operation.other), &to,
                        static_cast<size_t>(operation.length), 0);
  return outcome(copied, std::to_string(from) + " " + std::to_string(to));
}

}  // namespace

void add_space_operations(Catalogue& catalogue) {
  catalogue.add({"ftruncate", 20, make_ftruncate, run_ftruncate});
  catalogue.add({"truncate", 16, make_truncate, run_truncate});
  catalogue.add({"fallocate", 20, make_allocate, run_allocate});
  catalogue.add({"seek_data_hole", 16, make_find, run_find});
  catalogue.add({"copy_file_range", 14, make_copy, run_copy});
}

}  // namespace sluice::model
