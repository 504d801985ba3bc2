// Reading and writing.
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/integration/model/catalogue.h"

namespace sluice::model {
namespace {

constexpr int64_t kMostOffset = 200000;
constexpr size_t kPage = 4096;

// For O_DIRECT, which wants it so; sometimes deliberately crooked.
struct Free {
  void operator()(char* memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<char, Free>;

Buffer buffer_of(size_t length) {
  return Buffer(static_cast<char*>(std::aligned_alloc(kPage, (length / kPage + 1) * kPage)));
}

void make_transfer(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  switch (random.below(4)) {
    case 0:  // whole pages
      operation.length = random.between(0, 8) * static_cast<int64_t>(kPage);
      operation.offset = random.between(0, 30) * static_cast<int64_t>(kPage);
      break;
    case 1:  // whole sectors
      operation.length = random.between(0, 20) * 512;
      operation.offset = random.between(0, 100) * 512;
      break;
    case 2:
      operation.length = random.between(0, 100);
      operation.offset = random.between(0, 1000);
      break;
    default:
      operation.length = random.between(0, 40000);
      operation.offset = random.between(0, kMostOffset);
  }
  if (random.chance(1)) operation.offset = -1;
}

Outcome run_read(Side& side, const Operation& operation) {
  const auto length = static_cast<size_t>(operation.length);
  const Buffer buffer = buffer_of(length);
  const ssize_t got = ::read(side.file(operation.slot), buffer.get(), length);
  return outcome(got,
                 got < 0 ? std::string() : std::string(buffer.get(), static_cast<size_t>(got)));
}

Outcome run_pread(Side& side, const Operation& operation) {
  const auto length = static_cast<size_t>(operation.length);
  const Buffer buffer = buffer_of(length);
  const ssize_t got = ::pread(side.file(operation.slot), buffer.get(), length, operation.offset);
  return outcome(got,
                 got < 0 ? std::string() : std::string(buffer.get(), static_cast<size_t>(got)));
}

Buffer filled(const Operation& operation) {
  const auto length = static_cast<size_t>(operation.length);
  Buffer buffer = buffer_of(length);
  std::memcpy(buffer.get(), pattern(operation.seed, length).data(), length);
  return buffer;
}

Outcome run_write(Side& side, const Operation& operation) {
  return outcome(::write(side.file(operation.slot), filled(operation).get(),
                         static_cast<size_t>(operation.length)));
}

Outcome run_pwrite(Side& side, const Operation& operation) {
  return outcome(::pwrite(side.file(operation.slot), filled(operation).get(),
                          static_cast<size_t>(operation.length), operation.offset));
}

void make_seek(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  constexpr int kWhence[] = {SEEK_SET, SEEK_CUR, SEEK_END};
  operation.flags = random.pick(kWhence);
  operation.offset = random.between(operation.flags == SEEK_SET ? -1 : -1000, 5000);
}

// Not far beyond the end: what is written there makes the file as large.
Outcome run_seek(Side& side, const Operation& operation) {
  const int fd = side.file(operation.slot);
  struct stat stat;
  if (::fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode)) return {};  // offsets there mean nothing
  const off_t at = ::lseek(fd, operation.offset, operation.flags);
  if (at > kMostOffset) return outcome(::lseek(fd, at % kMostOffset, SEEK_SET));
  return outcome(at);
}

void make_send(Random& random, const World& world, Operation& operation) {
  make_transfer(random, world, operation);
  operation.other = world.open_file(random);
}

Outcome run_send(Side& side, const Operation& operation) {
  off_t from = operation.offset;
  const ssize_t sent = ::sendfile(side.file(operation.other), side.file(operation.slot), &from,
                                  static_cast<size_t>(operation.length));
  return outcome(sent, std::to_string(from));
}

void make_sync(Random& random, const World& world, Operation& operation) {
  operation.slot = world.open_file(random);
  operation.flags = random.chance(50);
}

Outcome run_sync(Side& side, const Operation& operation) {
  const int fd = side.file(operation.slot);
  return outcome(operation.flags != 0 ? ::fdatasync(fd) : ::fsync(fd));
}

}  // namespace

void add_data_operations(Catalogue& catalogue) {
  catalogue.add({"read", 40, make_transfer, run_read});
  catalogue.add({"pread", 40, make_transfer, run_pread});
  catalogue.add({"write", 50, make_transfer, run_write});
  catalogue.add({"pwrite", 50, make_transfer, run_pwrite});
  catalogue.add({"seek", 20, make_seek, run_seek});
  catalogue.add({"sendfile", 8, make_send, run_send});
  catalogue.add({"sync", 4, make_sync, run_sync});
}

}  // namespace sluice::model
