// Opening and creating, temporary files, duplicates and reopening through /proc.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/integration/model/catalogue.h"

namespace sluice::model {
namespace {

// Never waits, whatever is opened.
constexpr int kAlways = O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

constexpr uint32_t kModes[] = {0644, 0600, 0666, 0777, 0444,  0000,  0200,
                               0400, 0640, 0755, 0222, 04755, 02755, 06777};

int access_mode(Random& random) {
  constexpr int kAccess[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR};
  return random.pick(kAccess);
}

void make_open(Random& random, const World& world, Operation& operation) {
  operation.slot = static_cast<int>(random.below(Side::kFiles));
  operation.flags = access_mode(random);
  if (random.chance(45)) {
    operation.flags |= O_CREAT;
    operation.mode = random.pick(kModes);
    if (random.chance(25)) operation.flags |= O_EXCL;
    world.new_place(random, operation);
  } else {
    world.place(random, operation, World::Want::kFile);
  }
  if (random.chance(15)) operation.flags |= O_TRUNC;
  if (random.chance(12)) operation.flags |= O_APPEND;
  if (random.chance(5)) operation.flags |= O_NOFOLLOW;
  if (random.chance(4)) operation.flags |= O_DIRECTORY;
  if (random.chance(4)) operation.flags |= O_DIRECT;
  if (random.chance(3)) operation.flags |= O_NOATIME;
  if (random.chance(2)) operation.flags |= O_DSYNC;
  if (random.chance(2)) operation.flags |= O_SYNC;
  if (random.chance(3)) operation.flags |= O_PATH;
}

Outcome store(Side& side, int slot, int fd) {
  if (fd < 0) return outcome(fd);
  side.set_file(slot, fd);
  return {};
}

Outcome run_open(Side& side, const Operation& operation) {
  return store(side, operation.slot,
               ::openat(side.at(operation.directory), operation.path.c_str(),
                        operation.flags | kAlways, operation.mode));
}

void make_temp(Random& random, const World& world, Operation& operation) {
  world.place(random, operation, World::Want::kDirectory);
  if (random.chance(60)) operation.path = ".";
  operation.slot = static_cast<int>(random.below(Side::kFiles));
  operation.flags = O_TMPFILE | access_mode(random);
  if (random.chance(20)) operation.flags |= O_EXCL;
  operation.mode = random.pick(kModes);
}

std::string in_proc(const Side& side, int slot) {
  return "/proc/self/fd/" + std::to_string(side.file(slot));
}

void make_link_file(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  world.new_place(random, operation);
}

Outcome run_link_file(Side& side, const Operation& operation) {
  return outcome(::linkat(AT_FDCWD, in_proc(side, operation.slot).c_str(),
                          side.at(operation.directory), operation.path.c_str(), AT_SYMLINK_FOLLOW));
}

void make_reopen(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  operation.other = static_cast<int>(random.below(Side::kFiles));
  operation.flags = access_mode(random);
  if (random.chance(10)) operation.flags |= O_TRUNC;
  if (random.chance(10)) operation.flags |= O_APPEND;
}

// A view can give the right to write to a file without a name only to who comes with it.
bool gains_writing(const Side& side, const Operation& operation) {
  struct stat stat;
  const int fd = side.file(operation.slot);
  return ::fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_nlink == 0 &&
         (operation.flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY &&
         ((::fcntl(fd, F_GETFL) & (O_ACCMODE | O_PATH)) == O_RDONLY ||
          (::fcntl(fd, F_GETFL) & O_PATH) != 0);
}

Outcome run_reopen(Side& side, const Operation& operation) {
  if (gains_writing(side, operation)) return {-1, ESTALE, {}};
  return store(side, operation.other,
               ::open(in_proc(side, operation.slot).c_str(), operation.flags | kAlways));
}

void make_duplicate(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  operation.other = static_cast<int>(random.below(Side::kFiles));
}

Outcome run_duplicate(Side& side, const Operation& operation) {
  return store(side, operation.other, ::fcntl(side.file(operation.slot), F_DUPFD_CLOEXEC, 0));
}

void make_close(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
}

Outcome run_close(Side& side, const Operation& operation) {
  side.set_file(operation.slot, -1);
  return {};
}

void make_flags(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  operation.flags = random.chance(50) ? O_APPEND : 0;
}

// Only adds: the kernel opens the backing file with the flags of the open, and so keeps O_APPEND
// and O_DIRECT on a passed-through file for ever.
Outcome run_flags(Side& side, const Operation& operation) {
  const int fd = side.file(operation.slot);
  const int before = ::fcntl(fd, F_GETFL);
  if (before < 0 || ::fcntl(fd, F_SETFL, before | operation.flags) < 0) return outcome(-1);
  return outcome(::fcntl(fd, F_GETFL));
}

}  // namespace

void add_open_operations(Catalogue& catalogue) {
  catalogue.add({"open", 140, make_open, run_open});
  catalogue.add({"open_temp", 12, make_temp, run_open});
  catalogue.add({"link_file", 10, make_link_file, run_link_file});
  catalogue.add({"reopen", 14, make_reopen, run_reopen});
  catalogue.add({"duplicate", 8, make_duplicate, run_duplicate});
  catalogue.add({"close", 30, make_close, run_close});
  catalogue.add({"set_flags", 4, make_flags, run_flags});
}

}  // namespace sluice::model
