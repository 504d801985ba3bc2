// Directories: opened, listed, synced, and held while they are renamed and removed.
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "tests/integration/model/catalogue.h"
#include "tests/integration/model/listing.h"

namespace sluice::model {
namespace {

void make_open(Random& random, const World& world, Operation& operation) {
  world.place(random, operation, World::Want::kDirectory);
  operation.slot = static_cast<int>(random.below(Side::kDirectories));
  if (random.chance(10)) operation.flags = O_PATH;
}

Outcome run_open(Side& side, const Operation& operation) {
  const int fd = ::openat(side.at(operation.directory), operation.path.c_str(),
                          O_DIRECTORY | O_CLOEXEC | operation.flags);
  if (fd < 0) return outcome(-1);
  side.set_directory(operation.slot, fd);
  return {};
}

void make_held(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_directory(random);
  operation.length = random.between(300, 3000);
}

Outcome run_close(Side& side, const Operation& operation) {
  side.set_directory(operation.slot, -1);
  return {};
}

Outcome run_list(Side& side, const Operation& operation) {
  const int fd = ::openat(side.at(operation.directory), operation.path.c_str(),
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return outcome(-1);
  const Outcome listed = list_all(fd, static_cast<size_t>(operation.length));
  ::close(fd);
  return listed;
}

void make_list(Random& random, const World& world, Operation& operation) {
  world.place(random, operation, World::Want::kDirectory);
  if (random.chance(20)) operation.path = ".";
  operation.length = random.between(300, 3000);
}

Outcome run_list_held(Side& side, const Operation& operation) {
  const int fd = side.at(operation.slot);
  if (::lseek(fd, 0, SEEK_SET) < 0) return outcome(-1);
  return list_all(fd, static_cast<size_t>(operation.length));
}

Outcome run_sync(Side& side, const Operation& operation) {
  const int fd = side.at(operation.slot);
  return outcome(operation.length % 2 != 0 ? ::fdatasync(fd) : ::fsync(fd));
}

// What belongs to files only.
Outcome run_misuse(Side& side, const Operation& operation) {
  const int fd = side.at(operation.slot);
  char byte = 0;
  switch (operation.length % 4) {
    case 0:
      return outcome(::read(fd, &byte, 1));
    case 1:
      return outcome(::write(fd, &byte, 1));
    case 2:
      return outcome(::ftruncate(fd, 0));
    default:
      return outcome(::fallocate(fd, 0, 0, 10));
  }
}

}  // namespace

void add_directory_operations(Catalogue& catalogue) {
  catalogue.add({"open_directory", 20, make_open, run_open});
  catalogue.add({"close_directory", 6, make_held, run_close});
  catalogue.add({"list", 20, make_list, run_list});
  catalogue.add({"list_held", 10, make_held, run_list_held});
  catalogue.add({"sync_directory", 2, make_held, run_sync});
  catalogue.add({"misuse_directory", 4, make_held, run_misuse});
}

}  // namespace sluice::model
