// The size of an open file that others make longer and shorter, in the view or behind it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tests/integration/model/checks.h"
#include "tests/integration/model/outcome.h"
#include "tests/integration/model/stage.h"
#include "tests/integration/model/whole_file.h"

namespace sluice::model {
namespace {

// After so many milliseconds a file counts as open for a while, and its size is right: the worker's
// own few, the step of the clock by which it counts them (10 where the kernel's is slowest), and
// its turn on a processor.
constexpr int64_t kWhile = 50;

int64_t size_of(int fd) {
  struct stat stat;
  return ::fstat(fd, &stat) < 0 ? -1 : stat.st_size;
}

// What a file of some length holds.
std::string content(int64_t length) { return pattern(7, static_cast<size_t>(length)); }

// Everything that tells the length of an open file. reader and appender have it open by the view.
void expect_length(int reader, int appender, const std::string& source, int64_t length,
                   const std::string& what) {
  expect_equal(size_of(reader), length, what + ": fstat");
  expect_equal(::lseek(reader, 0, SEEK_END), length, what + ": SEEK_END");
  expect_equal(::lseek(reader, -1, SEEK_END), length - 1, what + ": before the end");
  std::string all(1 << 20, '\0');
  const ssize_t got = ::pread(reader, all.data(), all.size(), 0);
  expect_equal(got, length, what + ": read");
  expect(got < 0 || all.substr(0, static_cast<size_t>(got)) == content(length), what + ": content");
  expect_equal(::pread(reader, all.data(), 1, length), 0, what + ": read at the end");
  expect_done(::write(appender, "end", 3) == 3, what + ": append");
  expect(read_file(source) == content(length) + "end", what + ": what was appended");
  expect_equal(size_of(reader), length + 3, what + ": fstat after it was appended to");
}

// Changes the length, by writing the whole content.
bool rewrite(const std::string& path, int64_t length) {
  return write_file(path, 0, content(length)) && ::truncate(path.c_str(), length) == 0;
}

bool rewrite_by_descriptor(int fd, int64_t length) {
  const std::string data = content(length);
  return ::pwrite(fd, data.data(), data.size(), 0) == length && ::ftruncate(fd, length) == 0;
}

// Of a file that has been open for a while every change is seen at the first look.
void change_length(const std::string& source, const std::string& view) {
  expect(write_file(source, O_EXCL, content(100)), "file");
  struct stat stat;
  expect(::stat(view.c_str(), &stat) == 0 && stat.st_size == 100, "stat");  // and is remembered
  const int reader = ::open(view.c_str(), O_RDONLY | O_CLOEXEC);
  const int appender = ::open(view.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  const int writer = ::open(view.c_str(), O_RDWR | O_CLOEXEC);
  sleep_milliseconds(kWhile);
  for (const int64_t length : {70000, 5, 4096, 0, 300000, 299999}) {
    const std::string to = " makes it " + std::to_string(length) + " bytes";
    expect_done(rewrite(source, length), "source");
    expect_length(reader, appender, source, length, "the source" + to);
    expect_done(rewrite_by_descriptor(writer, length / 2), "descriptor");
    expect_length(reader, appender, source, length / 2, "half of it by another descriptor");
    expect_done(rewrite(view, length), "view");
    expect_length(reader, appender, source, length, "the view" + to);
    // Now the file is as long as the view has seen it, but not by what it has seen last.
    expect(rewrite(source, length + 1) && ::truncate(source.c_str(), length) == 0,
           "there and back");
    expect_length(reader, appender, source, length, "there and back");
  }
  for (const int fd : {reader, appender, writer}) ::close(fd);
}

// What was remembered before a file was opened is forgotten once it has been open for a while,
// however long it might have been remembered otherwise. Not every try counts: whoever looks may
// have to wait for a processor as well.
void change_length_of_new(const std::string& source, const std::string& view) {
  constexpr int kTries = 5;
  int64_t least = INT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const std::string number = std::to_string(i);
    expect(write_file(source + number, O_EXCL, content(100)), "file");
    struct stat stat;
    expect(::stat((view + number).c_str(), &stat) == 0 && stat.st_size == 100, "stat");
    const int fd = ::open((view + number).c_str(), O_RDONLY | O_CLOEXEC);
    const int64_t start = now_milliseconds();
    expect_done(rewrite(source + number, 60000), "source");
    expect(within(10 * kWhile, [&] { return size_of(fd) == 60000; }), "a new length is not seen");
    least = std::min(least, now_milliseconds() - start);
    expect_equal(::lseek(fd, 0, SEEK_END), 60000, "SEEK_END");
    ::close(fd);
  }
  expect(least <= kWhile, "a new length is seen after " + std::to_string(least) + " ms");
}

void play_size_of(const Stage& stage, const std::string& coherence) {
  stage.make_directory(coherence);
  const auto view = stage.mount({"--coherence", coherence});
  const std::string in = "/" + coherence + "/top/";
  const std::string above = stage.options().self_check ? stage.under() : stage.view();
  run_as(kUser, "coherence " + coherence, [&] {
    change_length(stage.under() + in + "old", above + in + "old");
    change_length_of_new(stage.under() + in + "new", above + in + "new");
  });
  view->expect_passthrough();
}

}  // namespace

void play_size(Stage& stage) {
  for (const char* coherence : {"1s", "0s", "10s"}) play_size_of(stage, coherence);
}

}  // namespace sluice::model
