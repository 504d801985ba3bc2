// Locks: whole files (flock), byte ranges of the process and of the open file.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/integration/model/catalogue.h"

namespace sluice::model {
namespace {

void make_flock(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  constexpr int kHow[] = {LOCK_SH, LOCK_EX, LOCK_UN};
  operation.flags = random.pick(kHow) | LOCK_NB;
}

Outcome run_flock(Side& side, const Operation& operation) {
  return outcome(::flock(side.file(operation.slot), operation.flags));
}

void make_range(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  constexpr int kCommands[] = {F_SETLK, F_OFD_SETLK, F_OFD_GETLK};
  operation.flags = random.pick(kCommands);
  constexpr uint32_t kTypes[] = {F_RDLCK, F_WRLCK, F_UNLCK};
  operation.mode = random.pick(kTypes);
  operation.offset = random.between(0, 20);
  operation.length = random.between(0, 20);
}

Outcome run_range(Side& side, const Operation& operation) {
  struct flock lock {};
  lock.l_type = static_cast<short>(operation.mode);
  lock.l_whence = SEEK_SET;
  lock.l_start = operation.offset;
  lock.l_len = operation.length;
  const int result = ::fcntl(side.file(operation.slot), operation.flags, &lock);
  const char* holder = lock.l_pid == 0 ? "none" : lock.l_pid < 0 ? "file" : "process";
  return outcome(result, std::to_string(lock.l_type) + " " + std::to_string(lock.l_start) + "+" +
                             std::to_string(lock.l_len) + " " + holder);
}

}  // namespace

void add_lock_operations(Catalogue& catalogue) {
  catalogue.add({"flock", 10, make_flock, run_flock});
  catalogue.add({"range_lock", 14, make_range, run_range});
}

}  // namespace sluice::model
