// Attributes and who may do what.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/integration/model/attributes.h"
#include "tests/integration/model/catalogue.h"

namespace sluice::model {
namespace {

constexpr uint32_t kUsualModes[] = {0755, 0777, 0700, 0750};
constexpr uint32_t kModes[] = {0644, 0600, 0444,  0400,  0200,  0000,
                               0500, 0300, 04755, 02755, 06777, 01777};

// Seldom one that keeps everybody out.
uint32_t some_mode(Random& random) {
  return random.chance(70) ? random.pick(kUsualModes) : random.pick(kModes);
}

void make_path(Random& random, const World& world, Operation& operation) {
  world.place(random, operation);
  if (random.chance(40)) operation.flags = AT_SYMLINK_NOFOLLOW;
}

void make_file(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  operation.mode = some_mode(random);
}

Outcome run_stat(Side& side, const Operation& operation) {
  struct stat stat;
  const int result =
      ::fstatat(side.at(operation.directory), operation.path.c_str(), &stat, operation.flags);
  return outcome(result, result < 0 ? std::string() : in_words(stat));
}

Outcome run_fstat(Side& side, const Operation& operation) {
  struct stat stat;
  const int result = ::fstat(side.file(operation.slot), &stat);
  return outcome(result, result < 0 ? std::string() : in_words(stat));
}

void make_chmod(Random& random, const World& world, Operation& operation) {
  world.place(random, operation);
  operation.mode = some_mode(random);
}

Outcome run_chmod(Side& side, const Operation& operation) {
  return outcome(
      ::fchmodat(side.at(operation.directory), operation.path.c_str(), operation.mode, 0));
}

Outcome run_fchmod(Side& side, const Operation& operation) {
  return outcome(::fchmod(side.file(operation.slot), operation.mode));
}

// To oneself, to nobody new, or to one to whom one may not.
void make_chown(Random& random, const World& world, Operation& operation) {
  make_path(random, world, operation);
  operation.slot = world.open_file(random);
  operation.offset = static_cast<int64_t>(random.below(4));
  operation.offset2 = static_cast<int64_t>(random.below(4));
}

unsigned chosen(int64_t which, unsigned own) {
  return which == 0 ? ~0u : which == 3 ? own + 7 : own;
}

Outcome run_chown(Side& side, const Operation& operation) {
  return outcome(::fchownat(side.at(operation.directory), operation.path.c_str(),
                            chosen(operation.offset, ::getuid()),
                            chosen(operation.offset2, ::getgid()), operation.flags));
}

Outcome run_fchown(Side& side, const Operation& operation) {
  return outcome(::fchown(side.file(operation.slot), chosen(operation.offset, ::getuid()),
                          chosen(operation.offset2, ::getgid())));
}

struct timespec some_time(Random& random) {
  switch (random.below(8)) {
    case 0:
      return {0, UTIME_NOW};
    case 1:
      return {0, UTIME_OMIT};
    case 2:
      return {-random.between(1, 1000), 5};
    case 3:
      return {100, 1000000000};  // no such time
    default:
      return {random.between(0, kOldest), random.between(0, 999999999)};
  }
}

void make_times(Random& random, const World& world, Operation& operation) {
  make_path(random, world, operation);
  operation.slot = world.open_file(random);
}

Outcome set_times(int fd, const char* path, const Operation& operation) {
  Random random(operation.seed);
  const struct timespec times[2] = {some_time(random), some_time(random)};
  // The system call itself, as the C library refuses some arguments on its own.
  if (::syscall(SYS_utimensat, fd, path, times, path == nullptr ? 0 : operation.flags) < 0) {
    return outcome(-1);
  }
  struct stat stat;
  const int result =
      path == nullptr ? ::fstat(fd, &stat) : ::fstatat(fd, path, &stat, operation.flags);
  return outcome(result, result < 0 ? std::string() : in_words(stat) + access_time(stat));
}

Outcome run_times(Side& side, const Operation& operation) {
  return set_times(side.at(operation.directory), operation.path.c_str(), operation);
}

Outcome run_ftimes(Side& side, const Operation& operation) {
  return set_times(side.file(operation.slot), nullptr, operation);
}

void make_access(Random& random, const World& world, Operation& operation) {
  world.place(random, operation);
  operation.mode = static_cast<uint32_t>(random.below(8));
  if (random.chance(30)) operation.flags = AT_EACCESS;
}

Outcome run_access(Side& side, const Operation& operation) {
  return outcome(::faccessat(side.at(operation.directory), operation.path.c_str(),
                             static_cast<int>(operation.mode), operation.flags));
}

Outcome run_statfs(Side& side, const Operation& operation) {
  struct statvfs stat;
  const int result = ::statvfs(side.below(operation.path).c_str(), &stat);
  if (result < 0) return outcome(-1);
  return {0, 0,
          std::to_string(stat.f_bsize) + " " + std::to_string(stat.f_frsize) + " " +
              std::to_string(stat.f_blocks) + " " + std::to_string(stat.f_files) + " " +
              std::to_string(stat.f_namemax)};
}

// So that not all that follows is refused.
void make_nothing(Random&, const World&, Operation&) {}
Outcome run_restore(Side& side, const Operation&) {
  ::umask(022);
  return outcome(::fchmod(side.at(-1), 0755));
}

void make_umask(Random& random, const World&, Operation& operation) {
  constexpr uint32_t kMasks[] = {022, 022, 0, 0, 077, 027, 0277, 0777};
  operation.mode = random.pick(kMasks);
}

// Of the process, so the second side gets what the first has set.
Outcome run_umask(Side&, const Operation& operation) {
  ::umask(operation.mode);
  return {};
}

}  // namespace

void add_attribute_operations(Catalogue& catalogue) {
  catalogue.add({"stat", 50, make_path, run_stat});
  catalogue.add({"fstat", 40, make_file, run_fstat});
  catalogue.add({"chmod", 24, make_chmod, run_chmod});
  catalogue.add({"fchmod", 10, make_file, run_fchmod});
  catalogue.add({"chown", 8, make_chown, run_chown});
  catalogue.add({"fchown", 5, make_chown, run_fchown});
  catalogue.add({"utimensat", 14, make_times, run_times});
  catalogue.add({"futimens", 8, make_times, run_ftimes});
  catalogue.add({"access", 14, make_access, run_access});
  catalogue.add({"statfs", 3, make_path, run_statfs});
  catalogue.add({"umask", 4, make_umask, run_umask});
  catalogue.add({"restore", 20, make_nothing, run_restore});
}

}  // namespace sluice::model
