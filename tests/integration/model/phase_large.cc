// What is large: offsets beyond 4 GiB, transfers without the page cache, long and strange names,
// deep trees.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/outcome.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

constexpr int64_t kMegabyte = int64_t{1} << 20;
constexpr int64_t kFar = int64_t{5} << 30;
constexpr size_t kPage = 4096;

// Where data and holes are.
std::string map_of(int fd) {
  std::string map;
  for (int64_t at = 0, hole;; at = hole) {
    const int64_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0)
      return map + "end " + error_name() + " " + std::to_string(::lseek(fd, 0, SEEK_END));
    hole = ::lseek(fd, data, SEEK_HOLE);
    map += std::to_string(data) + "-" + std::to_string(hole) + " ";
    if (hole <= data) return map + "broken";
  }
}

std::string read_at(int fd, int64_t offset, size_t length) {
  std::string data(length, '?');
  const ssize_t got = ::pread(fd, data.data(), length, offset);
  if (got < 0) return error_name();
  data.resize(static_cast<size_t>(got));
  return data;
}

int64_t blocks_of(const std::string& path) {
  struct stat stat;
  return ::stat(path.c_str(), &stat) < 0 ? -1 : stat.st_blocks;
}

void fill_far(const std::string& source, const std::string& view) {
  const std::string data = pattern(5, 3 * kPage);
  const int above = ::open(view.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  const int below = ::open(source.c_str(), O_RDWR | O_CLOEXEC);
  const auto same = [&](const char* after) {
    const std::string in_source = map_of(below), in_view = map_of(above);
    expect(in_source == in_view,
           std::string(after) + ": data is at " + in_view + ", should be at " + in_source);
    struct stat a, b;
    expect(::fstat(above, &a) == 0 && ::fstat(below, &b) == 0, "fstat");
    expect_equal(a.st_size, b.st_size, std::string(after) + ": size");
    expect_equal(a.st_blocks, b.st_blocks, std::string(after) + ": blocks");
  };
  const auto wrote = [&](ssize_t written) { return written == static_cast<ssize_t>(data.size()); };

  expect_done(wrote(::pwrite(above, data.data(), data.size(), kFar)), "far write");
  same("far write");
  expect(read_at(below, kFar, data.size()) == data, "what was written far is in the source");
  expect(read_at(above, kFar - 8, 16) == std::string(8, '\0') + data.substr(0, 8), "over the edge");
  expect(map_of(above).starts_with(std::to_string(kFar) + "-"), "no hole: " + map_of(above));

  void* const memory =
      ::mmap(nullptr, data.size(), PROT_READ | PROT_WRITE, MAP_SHARED, above, kFar);
  expect_done(memory != MAP_FAILED, "mmap");
  if (memory != MAP_FAILED) {
    char* const bytes = static_cast<char*>(memory);
    expect(std::memcmp(bytes, data.data(), data.size()) == 0, "what is mapped");
    std::memcpy(bytes + kPage, "by memory", 9);
    expect(read_at(below, kFar + kPage, 9) == "by memory", "what was written by memory");
    expect(::pwrite(below, "behind", 6, kFar) == 6 && std::memcmp(bytes, "behind", 6) == 0,
           "what is mapped and written behind");
    ::munmap(memory, data.size());
  }

  expect_done(::ftruncate(above, kFar + 5) == 0, "shorter");
  same("shorter");
  expect(read_at(above, kFar, 100) == "behin", "the rest");
  expect_done(::ftruncate(above, 2 * kFar) == 0, "longer");
  same("longer");
  expect(read_at(above, kFar, 8) == "behin" + std::string(3, '\0'), "zeros behind it");

  const auto allocate = [&](int mode, int64_t offset, int64_t length, const char* what) {
    expect_done(::fallocate(above, mode, offset, length) == 0, std::string(what));
    same(what);
  };
  allocate(0, kFar + kMegabyte, kMegabyte, "allocate");
  const int64_t before = blocks_of(source);
  allocate(FALLOC_FL_KEEP_SIZE, 2 * kFar, kMegabyte, "allocate beyond the end");
  expect(blocks_of(source) > before, "nothing was allocated beyond the end");
  expect_equal(::lseek(above, 0, SEEK_END), 2 * kFar, "size");
  expect_done(wrote(::pwrite(above, data.data(), data.size(), kFar)), "far write");
  allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kFar + kPage, kPage, "punch a hole");
  expect(read_at(above, kFar, data.size()) ==
             data.substr(0, kPage) + std::string(kPage, '\0') + data.substr(2 * kPage),
         "around the hole");
  ::close(above);
  ::close(below);
  expect_done(::unlink(view.c_str()) == 0, "unlink");
}

// As a plain directory: what is aligned goes through, the rest is refused or not alike.
void transfer_directly(const std::string& plain, const std::string& source,
                       const std::string& view) {
  char* const memory = static_cast<char*>(std::aligned_alloc(kPage, 8 * kPage));
  const std::string data = pattern(9, 4 * kPage);
  const auto play = [&](const std::string& path) {
    std::string results;
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0644);
    const auto note = [&](ssize_t result) {
      results += (result < 0 ? error_name() : std::to_string(result)) + " ";
    };
    std::memcpy(memory, data.data(), data.size());
    note(fd < 0 ? -1 : 0);
    note(::pwrite(fd, memory, data.size(), 0));
    note(::pwrite(fd, memory, 2 * kPage, kFar));
    note(::pwrite(fd, memory + 1, 100, kPage + 1));
    note(::lseek(fd, 0, SEEK_END));
    std::memset(memory, 0, 8 * kPage);
    note(::pread(fd, memory, 8 * kPage, 0));
    results += hex_hash({memory, 8 * kPage}) + " ";
    note(::pread(fd, memory, kPage, kFar + kPage));
    results += hex_hash({memory, kPage}) + " ";
    note(::pread(fd, memory, kPage, kFar + 2 * kPage));
    note(::pread(fd, memory + 1, kPage, 1));
    ::close(fd);
    return results;
  };
  const std::string should_be = play(plain), is = play(view);
  expect(is == should_be, "O_DIRECT: is " + is + ", should be " + should_be);
  expect(should_be.starts_with("0 16384 8192 "), "O_DIRECT does not work here: " + should_be);
  expect(read_file(source).substr(2 * kPage, kPage) == data.substr(2 * kPage, kPage),
         "what was written without the cache");
  std::free(memory);
}

}  // namespace

void play_large(Stage& stage) {
  stage.make_directory("large");
  const auto view = stage.mount();
  const std::string in = "/large/top";
  const std::string above = (stage.options().self_check ? stage.under() : stage.view()) + in;
  run_as(kUser, "large", [&] {
    fill_far(stage.under() + in + "/far", above + "/far");
    transfer_directly(stage.plain() + in + "/direct", stage.under() + in + "/direct",
                      above + "/direct");
  });
  view->expect_passthrough();
}

}  // namespace sluice::model
