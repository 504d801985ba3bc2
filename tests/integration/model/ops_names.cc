// Making, moving, linking and removing names.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/integration/model/catalogue.h"

namespace sluice::model {
namespace {

void make_rename(Random& random, const World& world, Operation& operation) {
  operation.path = world.path(random);
  operation.path2 = random.chance(50) ? world.path(random) : world.new_path(random);
  if (random.chance(5)) operation.path2 = operation.path + "/" + world.name(random);
  if (random.chance(40)) operation.flags = random.chance(50) ? RENAME_NOREPLACE : RENAME_EXCHANGE;
}

Outcome run_rename(Side& side, const Operation& operation) {
  return outcome(::renameat2(side.at(-1), operation.path.c_str(), side.at(-1),
                             operation.path2.c_str(), static_cast<unsigned>(operation.flags)));
}

void make_link(Random& random, const World& world, Operation& operation) {
  world.place(random, operation, World::Want::kFile);
  operation.path2 = world.new_path(random);
  if (random.chance(30)) operation.flags = AT_SYMLINK_FOLLOW;
}

Outcome run_link(Side& side, const Operation& operation) {
  return outcome(::linkat(side.at(operation.directory), operation.path.c_str(), side.at(-1),
                          operation.path2.c_str(), operation.flags));
}

void make_symlink(Random& random, const World& world, Operation& operation) {
  world.new_place(random, operation);
  switch (random.below(6)) {
    case 0:  // leads to itself
      operation.path2 = operation.path;
      break;
    case 1:
      operation.path2 = "../" + world.path(random);
      break;
    case 2:
      operation.path2 = std::string(static_cast<size_t>(random.between(4090, 4096)), 'x');
      break;
    default:
      operation.path2 = world.path(random);
  }
}

Outcome run_symlink(Side& side, const Operation& operation) {
  return outcome(
      ::symlinkat(operation.path2.c_str(), side.at(operation.directory), operation.path.c_str()));
}

void make_path(Random& random, const World& world, Operation& operation) {
  world.place(random, operation);
}

void make_file(Random& random, const World& world, Operation& operation) {
  world.place(random, operation, World::Want::kFile);
}

void make_directory(Random& random, const World& world, Operation& operation) {
  world.place(random, operation, World::Want::kDirectory);
}

Outcome run_readlink(Side& side, const Operation& operation) {
  char target[4200];
  const ssize_t length =
      ::readlinkat(side.at(operation.directory), operation.path.c_str(), target, sizeof(target));
  return outcome(length,
                 length < 0 ? std::string() : std::string(target, static_cast<size_t>(length)));
}

Outcome run_unlink(Side& side, const Operation& operation) {
  return outcome(::unlinkat(side.at(operation.directory), operation.path.c_str(), 0));
}

Outcome run_rmdir(Side& side, const Operation& operation) {
  return outcome(::unlinkat(side.at(operation.directory), operation.path.c_str(), AT_REMOVEDIR));
}

void make_mkdir(Random& random, const World& world, Operation& operation) {
  world.new_place(random, operation);
  constexpr uint32_t kModes[] = {0755, 0755, 0755,  0755,  0755, 0755, 0700, 0777,
                                 0777, 0770, 02755, 01777, 0500, 0300, 0000};
  operation.mode = random.pick(kModes);
}

Outcome run_mkdir(Side& side, const Operation& operation) {
  return outcome(::mkdirat(side.at(operation.directory), operation.path.c_str(), operation.mode));
}

void make_mknod(Random& random, const World& world, Operation& operation) {
  world.new_place(random, operation);
  constexpr uint32_t kTypes[] = {S_IFIFO, S_IFIFO, S_IFREG, S_IFSOCK, S_IFCHR, S_IFBLK, S_IFDIR, 0};
  constexpr uint32_t kModes[] = {0644, 0600, 0000, 0222, 0444, 04755};
  operation.mode = random.pick(kTypes) | random.pick(kModes);
}

Outcome run_mknod(Side& side, const Operation& operation) {
  return outcome(::mknodat(side.at(operation.directory), operation.path.c_str(), operation.mode,
                           makedev(1, 3)));
}

}  // namespace

void add_name_operations(Catalogue& catalogue) {
  catalogue.add({"rename", 50, make_rename, run_rename});
  catalogue.add({"link", 24, make_link, run_link});
  catalogue.add({"symlink", 20, make_symlink, run_symlink});
  catalogue.add({"readlink", 10, make_path, run_readlink});
  catalogue.add({"unlink", 34, make_file, run_unlink});
  catalogue.add({"rmdir", 14, make_directory, run_rmdir});
  catalogue.add({"mkdir", 40, make_mkdir, run_mkdir});
  catalogue.add({"mknod", 10, make_mknod, run_mknod});
}

}  // namespace sluice::model
